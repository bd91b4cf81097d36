import { fileURLToPath } from "node:url";
import { type Coverage, instrumentModules, noCoverage } from "./coverage.ts";
import { fuzz } from "./fuzzer.ts";

/* Fuzzes the decoder with the bug, guided and not; prints what each found. A program of its own, for what is instrumented has to be loaded by Node itself. */

const path = "./planted-decoder.ts";
const coverage = instrumentModules([fileURLToPath(new URL(path, import.meta.url))]);
const { planted } = (await import(path)) as typeof import("./planted-decoder.ts");

async function found(guide: Coverage, inputsMax: number) {
  const { inputs, blocks, findings } = await fuzz(
    { name: "planted", form: "bytes", faults: [], seeds: () => [new Uint8Array(3)], run: planted, bytesMax: 3 },
    { seed: 7, inputsMax, millisecondsMax: 60_000, coverage: guide, corpus: [], findingsMax: 1 },
  );
  const first = findings.map(({ kind, input }) => ({ kind, input: Buffer.from(input).toString() }));
  return { inputs, blocks, findings: first };
}

const guided = await found(coverage, 200_000);
process.stdout.write(JSON.stringify({ guided, blind: await found(noCoverage, 2 * guided.inputs) }));
