import { seededRandom } from "../../simulations/seeded-random.ts";
import { type Weather, fairWeather } from "./network.ts";

/** Everything about a run that is drawn before it begins. */
export interface Plan {
  readonly parties: number;
  readonly queriers: number;
  readonly weather: Weather;
  /** How long things go wrong. */
  readonly durationMs: number;
  readonly startMs: number;
  readonly questionsEach: number;
  readonly updatesEach: number;
  readonly mishaps: number;
  readonly budget: { readonly max: number; readonly days: number };
  /** Documents that a party begins with, at most. */
  readonly documents: number;
}

const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

export function planOf(seed: number): Plan {
  const random = seededRandom(seed);
  const between = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const often = (share: number): number => (random() < share ? random() : 0);
  return {
    parties: random() < 0.6 ? 2 : 3,
    queriers: random() < 0.5 ? 1 : between(2, 3),
    weather: {
      ...fairWeather,
      latencyMs: between(1, random() < 0.3 ? 400 : 40),
      jitterMs: between(0, random() < 0.3 ? 1000 : 50),
      bytesPerMs: random() < 0.2 ? between(5, 50) : 10_000,
      spikeShare: often(0.5) * 0.05,
      spikeMs: between(100, 20_000),
      cutShare: often(0.5) * 0.02,
      silenceShare: often(0.4) * 0.01,
      stallShare: often(0.5) * 0.02,
      stallMs: between(100, 30_000),
    },
    durationMs: between(10, 60) * 1000,
    // Some runs see the day change.
    startMs: START_MS + between(0, 300) * DAY_MS - (random() < 0.3 ? between(0, 30_000) : between(1, 20) * 3_600_000),
    questionsEach: between(1, 3),
    updatesEach: between(0, 4),
    mishaps: between(0, 6),
    budget: random() < 0.5 ? { max: between(1, 4), days: between(1, 30) } : { max: 1000, days: 30 },
    documents: between(0, random() < 0.6 ? 20 : 70),
  };
}
