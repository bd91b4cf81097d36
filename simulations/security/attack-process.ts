import type { Finding } from "./attack.ts";
import type { AttackDescription, AttackEvent, AttackOrder } from "./attack-messages.ts";
import { seedEntropy } from "./seeded-entropy.ts";

/*
 * One attack in a process of its own, whose entropy is seeded. Nothing of ours that draws random numbers may be imported above: hence the imports below.
 */

const say = (event: AttackEvent): Promise<void> =>
  new Promise((resolve) => {
    if (process.send)
      process.send(event, undefined, undefined, () => {
        resolve();
      });
    else resolve();
  });

process.once("message", (order) => void attack(order as AttackOrder));
process.once("disconnect", () => process.exit(1));

async function attack({ attack: name, settings }: AttackOrder): Promise<void> {
  seedEntropy(`${String(settings.seed)} ${name}`);
  const [{ ATTACKS }, { Lab }] = await Promise.all([import("./attacks.ts"), import("./lab.ts")]);
  const loaded = await ATTACKS[name]!.load();
  // Functions are not sent.
  const description = JSON.parse(JSON.stringify(loaded)) as AttackDescription;
  try {
    let saidAt = 0;
    await using lab = new Lab({
      settings,
      attack: name,
      signal: new AbortController().signal,
      onProgress: (done, total) => {
        if (performance.now() - saidAt < 200) return;
        saidAt = performance.now();
        void say({ event: "progress", done, total });
      },
    });
    const result = await loaded.run(lab);
    checkFigures(result.findings);
    await say({ event: "result", description, result });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "UNEXPECTED";
    await say({ event: "failed", description, code, message: error instanceof Error ? error.message : String(error) });
  }
  process.exit(0);
}

/** What is no number would be sent as nothing. */
function checkFigures(findings: readonly Finding[]): void {
  const broken = findings.find(({ value, baseline, threshold }) => !Number.isFinite(value + baseline + threshold));
  if (broken) throw new TypeError(`"${broken.metric}" came to no number`);
}
