import type { AdamState } from "../../hashvfl/adam.ts";
import { BottomModel, type BottomState } from "../../hashvfl/bottom-model.ts";
import { loadJax } from "../../hashvfl/jax.ts";
import { LAPLACE_SENSITIVITY, type LocalParty, localParties } from "../../hashvfl/local-party.ts";
import { laplaceDraw } from "../../hashvfl/randomness.ts";
import { type PlannedRun, baselineRun, hashedRun } from "../../hashvfl/runs.ts";
import type { TrainingSettings } from "../../hashvfl/settings.ts";
import { TopModel } from "../../hashvfl/top-model.ts";
import type { TrainingParty } from "../../hashvfl/training-party.ts";
import { trainRun } from "../../hashvfl/training-run.ts";
import type { VerticalData } from "../../hashvfl/vertical-data.ts";
import type { Lab } from "../lab.ts";

/** What the parties release, from nothing protected to the default. */
export const RELEASES = ["floats", "noisy floats", "noisy codes", "codes without consistency", "codes"] as const;
export type ReleaseName = (typeof RELEASES)[number];

/** Whether bare signs are released. */
export function releasesCodes(release: ReleaseName): boolean {
  return release === "codes" || release === "codes without consistency";
}

/** What a party and the server know when training has ended. Dispose of it to give its arrays back. */
export interface Trained extends Disposable {
  /** Of the joint model, on the test rows. */
  readonly accuracy: number;
  readonly bottoms: readonly BottomState[];
  readonly top: AdamState;
  /** What a party releases of some rows once training has ended, noise included. @returns Shape [rows, bits]. */
  release(party: number, rows: Float32Array): Promise<Float32Array>;
  /** Probabilities of the classes, shape [rows, classes]. @param releases - Of each party, shape [rows, bits]. */
  predict(releases: readonly Float32Array[]): Promise<Float32Array>;
}

export interface TrainOptions {
  readonly data: VerticalData;
  readonly settings: TrainingSettings;
  readonly release: ReleaseName;
  /** 0..1 of this run. */
  readonly onShare: (share: number) => void;
  /** What came back to the first party for each training batch, shape [rows, bits]. */
  readonly onGradient?: (rows: Uint32Array, gradient: Float32Array) => void;
  /** What the first party released for each training batch, shape [rows, bits]. */
  readonly onRelease?: (rows: Uint32Array, released: Float32Array) => void;
}

/** Trains as `sotto simulate hashvfl` does. */
export async function train(lab: Lab, options: TrainOptions): Promise<Trained> {
  const { data, settings, release, onShare } = options;
  const { features: _features, ...variant } = runOf(release, settings);
  const parties = localParties(data, null);
  try {
    const { epochs, top } = await trainRun({
      settings,
      variant,
      parties: parties.map((party, i) => watched(lab, party, i === 0 ? options : {})),
      labels: { classes: data.classes.length, train: data.train.labels, test: data.test.labels },
      folder: null,
      resume: false,
      signal: lab.signal,
      onProgress: (done) => {
        onShare(done / settings.epochs);
      },
    });
    const bottoms = await Promise.all(parties.map((party) => party.state()));
    return await trainedOf(lab, options, { bottoms, top, accuracy: epochs.at(-1)!.accuracy });
  } finally {
    for (const party of parties) party[Symbol.dispose]();
  }
}

async function trainedOf(
  lab: Lab,
  { data, settings, release }: TrainOptions,
  states: Pick<Trained, "bottoms" | "top" | "accuracy">,
): Promise<Trained> {
  const jax = await loadJax();
  const { features: _features, ...variant } = runOf(release, settings);
  const bottomSettings = { ...settings, ...variant, hidden: settings.bottomHidden };
  const bottoms = states.bottoms.map(
    (state, i) => new BottomModel(jax, data.parties[i]!.features.length, bottomSettings, state),
  );
  const topSettings = { ...settings, parties: bottoms.length, hidden: settings.topHidden };
  // Class codes are for training.
  const classCodes = data.classes.map(() => new Float32Array(settings.bits));
  const top = new TopModel(jax, topSettings, classCodes, states.top);
  const { laplaceEpsilon } = variant;
  return {
    ...states,
    release: async (party, rows) => {
      const released = await bottoms[party]!.evaluate(rows);
      if (laplaceEpsilon === null) return released;
      return released.map((value) => value + laplaceDraw(LAPLACE_SENSITIVITY / laplaceEpsilon, lab.random));
    },
    predict: (releases) => top.predict(releases),
    [Symbol.dispose]: () => {
      for (const model of [...bottoms, top]) model[Symbol.dispose]();
    },
  };
}

function runOf(release: ReleaseName, settings: TrainingSettings): PlannedRun {
  const baseline = (name: Parameters<typeof baselineRun>[0]): PlannedRun => baselineRun(name, settings, "");
  switch (release) {
    case "floats":
      return baseline("unhashed");
    case "noisy floats":
      return { ...baseline("unhashed"), name: "unhashed-laplace", laplaceEpsilon: settings.epsilon };
    case "noisy codes":
      return baseline("laplace");
    case "codes without consistency":
      return baseline("no-consistency");
    case "codes":
      return hashedRun(settings);
  }
}

/** The party itself, which lets the process listen between batches and shows what it releases and what comes back to it. */
function watched(
  lab: Lab,
  party: LocalParty,
  { onGradient, onRelease }: Pick<TrainOptions, "onGradient" | "onRelease">,
): TrainingParty {
  let rows = new Uint32Array();
  return {
    name: party.name,
    shape: () => party.shape(),
    begin: (settings, epochsDone) => party.begin(settings, epochsDone),
    forward: async (split, asked, training) => {
      await lab.pause();
      const released = await party.forward(split, asked, training);
      if (training) {
        rows = asked.slice();
        onRelease?.(rows, released);
      }
      return released;
    },
    backward: (gradient) => {
      onGradient?.(rows, gradient);
      return party.backward(gradient);
    },
    endEpoch: (epochsDone) => party.endEpoch(epochsDone),
    exportModel: (run) => party.exportModel(run),
  };
}
