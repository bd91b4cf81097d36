import { temporaryFolder } from "../../simulations/federation/temporary-folder.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { planOf } from "./plan.ts";
import { RunRecord, type RunReport } from "./run-record.ts";
import { Scenario } from "./scenario.ts";
import { seedEntropy } from "./seeded-entropy.ts";
import { Died, virtualTime } from "./virtual-time.ts";
import { World } from "./world.ts";

/** Streams of random numbers that must not follow from each other. */
const NETWORK_STREAM = 0x5eed_0001;
const SCENARIO_STREAM = 0x5eed_0002;

/**
 * Simulates one federation from its founding to its end. One seed gives one run, event by event.
 *
 * @param tell - Given every line of the run's trace.
 */
export async function runSeed(seed: number, tell: ((line: string) => void) | null = null): Promise<RunReport> {
  const plan = planOf(seed);
  seedEntropy(`run ${seed}`);
  virtualTime.reset(plan.startMs);
  const record = new RunRecord(seed, tell);
  const onRejection = (error: unknown): void => {
    if (error instanceof Died) return;
    record.violated("crash", `unhandled: ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
  };
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onRejection);
  using folder = temporaryFolder();
  try {
    const world = new World(plan, folder.path, seededRandom(seed ^ NETWORK_STREAM), record);
    const scenario = new Scenario(plan, world, seededRandom(seed ^ SCENARIO_STREAM), record);
    await virtualTime.pass(scenario.play());
  } catch (error) {
    record.violated("crash", error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    process.off("unhandledRejection", onRejection);
    process.off("uncaughtException", onRejection);
  }
  return record.report();
}
