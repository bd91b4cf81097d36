import { trainingFault } from "./fault.ts";

/** Of all runs of an experiment. */
export interface TrainingSettings {
  readonly seed: number;
  /** Length of a code, 1..64. */
  readonly bits: number;
  readonly epochs: number;
  /** Rows a step; all training rows where there are fewer. What is left over of an epoch waits for the next shuffle. */
  readonly batch: number;
  /** Widths of the bottom models' hidden layers. */
  readonly bottomHidden: readonly number[];
  /** Widths of the top model's hidden layers. */
  readonly topHidden: readonly number[];
  readonly consistencyWeight: number;
  /** Of the `laplace` baseline, per bit. */
  readonly epsilon: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** The learning rate is multiplied by `stepFactor` after every `stepEpochs` epochs. */
  readonly stepEpochs: number;
  readonly stepFactor: number;
}

export const DEFAULT_SETTINGS: TrainingSettings = {
  seed: 1,
  bits: 16,
  epochs: 20,
  batch: 128,
  bottomHidden: [128],
  topHidden: [64],
  consistencyWeight: 1,
  epsilon: 1,
  learningRate: 0.003,
  weightDecay: 0.01,
  stepEpochs: 8,
  stepFactor: 0.3,
};

/** What suits the presets, where it is not the default. */
const SUITED: Readonly<Record<string, Partial<TrainingSettings>>> = {
  mnist: { epochs: 15, batch: 128, bottomHidden: [192], learningRate: 0.003 },
  // A few hundred rows.
  breast: { epochs: 40, batch: 32 },
  vehicle_scale: { epochs: 60, batch: 32, learningRate: 0.002 },
  // Classes that overlap and are uneven: a full consistency term would leave no bit for the few rows that are told apart.
  default_credit: { epochs: 8, batch: 256, bottomHidden: [64, 32], consistencyWeight: 0.3, learningRate: 0.002 },
  adult: { epochs: 8, batch: 256, bottomHidden: [64, 32], consistencyWeight: 0.3, learningRate: 0.002 },
};

/**
 * Settings for a preset, or for other data, with what a person asks for instead; the learning rate falls after two fifths of the epochs, however many.
 *
 * @param given - Undefined entries count as not given.
 */
export function settingsFor(
  preset: string | undefined,
  given: { readonly [Key in keyof TrainingSettings]?: TrainingSettings[Key] | undefined },
): TrainingSettings {
  const suited = preset !== undefined && Object.hasOwn(SUITED, preset) ? SUITED[preset] : {};
  const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings: TrainingSettings = { ...DEFAULT_SETTINGS, ...suited, ...asked };
  return { ...settings, stepEpochs: given.stepEpochs ?? Math.max(1, Math.ceil(0.4 * settings.epochs)) };
}

export const PARTIES_MIN = 2;
export const PARTIES_MAX = 8;
export const BITS_MAX = 64;
const EPOCHS_MAX = 10_000;
const BATCH_MAX = 65_536;
const WIDTH_MAX = 4096;
const LAYERS_MAX = 8;

/** @throws Fault SETTINGS_INVALID, BATCH_TOO_SMALL. */
export function checkSettings(settings: TrainingSettings): void {
  const whole = (name: "seed" | "bits" | "epochs" | "batch" | "stepEpochs", min: number, max: number): void => {
    const value = settings[name];
    if (!Number.isInteger(value) || value < min || value > max)
      refuse(`${name} must be a whole number from ${min} to ${max}`);
  };
  const range = (
    name: "consistencyWeight" | "epsilon" | "learningRate" | "weightDecay" | "stepFactor",
    min: number,
    max: number,
  ): void => {
    const value = settings[name];
    if (!(value >= min && value <= max)) refuse(`${name} must be a number from ${min} to ${max}`);
  };
  const unknown = Object.keys(settings).filter((key) => !(key in DEFAULT_SETTINGS));
  if (unknown.length > 0) refuse(`there is no setting ${unknown.join(", ")}`);
  whole("seed", 0, 2 ** 32 - 1);
  whole("bits", 1, BITS_MAX);
  whole("epochs", 1, EPOCHS_MAX);
  whole("batch", 1, BATCH_MAX);
  whole("stepEpochs", 1, EPOCHS_MAX);
  range("consistencyWeight", 0, 1000);
  range("epsilon", 1e-6, 1e6);
  range("learningRate", 1e-9, 10);
  range("weightDecay", 0, 10);
  range("stepFactor", 1e-6, 1);
  for (const widths of [settings.bottomHidden, settings.topHidden])
    if (
      widths.length > LAYERS_MAX ||
      widths.some((width) => !Number.isInteger(width) || width < 1 || width > WIDTH_MAX)
    )
      refuse(`hidden layers are at most ${LAYERS_MAX} widths from 1 to ${WIDTH_MAX}`);
}

function refuse(what: string): never {
  throw trainingFault("SETTINGS_INVALID", what);
}
