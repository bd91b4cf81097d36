import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { Fault } from "../../crypto/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { corpusOf, inputText, readInputs } from "./corpus-files.ts";
import { noCoverage } from "./coverage.ts";
import { type Outcome, examine } from "./examine.ts";
import { FuzzWorker } from "./fuzz-worker.ts";
import { fuzz } from "./fuzzer.ts";
import { fuzzTargets } from "./registry.ts";
import type { FuzzTarget } from "./target.ts";

const INPUTS = 200;
/** For the changed inputs of one decoder, so that the slow ones do not make everybody wait: `npm run fuzz` has the time. */
const MILLISECONDS = 15;

const folder = temporaryFolder();
afterAll(() => {
  folder[Symbol.dispose]();
});
const targets = fuzzTargets(folder.path);

describe("every decoder takes its corpus and changed inputs, or refuses them with its faults", () => {
  test.each(targets)("$name", async (target) => {
    const [seeds, corpus] = [await target.seeds(), corpusOf(target.name)];
    const inputsMax = seeds.length + corpus.length + INPUTS;
    const options = { seed: 1, inputsMax, millisecondsMax: MILLISECONDS, coverage: noCoverage, corpus };
    const { findings, inputs } = await fuzz(target, options);
    expect(findings).toEqual([]);
    expect(inputs).toBeGreaterThanOrEqual(seeds.length + corpus.length);
  });

  test("and takes at least one of its seeds", async () => {
    // A stranger's proof has no seed that may be taken.
    for (const target of targets.filter(({ name }) => name !== "handshake-proof")) {
      const outcomes: Outcome[] = [];
      for (const seed of await target.seeds()) outcomes.push(await examine(target, seed));
      expect([target.name, outcomes.some(({ accepted }) => accepted)]).toEqual([target.name, true]);
    }
  });

  test("no corpus is of a decoder that is gone, and all together are small", () => {
    const names = readdirSync(join(import.meta.dirname, "corpus")).map((file) => basename(file, ".base64"));
    expect(names.filter((name) => !targets.some((target) => target.name === name))).toEqual([]);
    const bytes = names.flatMap(corpusOf).reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeLessThan(200_000);
  });
});

describe("the fuzzer", () => {
  const run = (...args: readonly string[]) => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", ...args.map((arg) => arg.replace(/^\.\//, `${import.meta.dirname}/`))],
      { encoding: "utf8" },
    );
    return { stdout, stderr, status };
  };

  test("finds planted bugs: one behind three bytes if coverage guides it, a loop without end, a list without end", async () => {
    const worker = new FuzzWorker({
      folder: folder.path,
      registry: new URL("./planted/registry.ts", import.meta.url).href,
      instrumented: [join(import.meta.dirname, "planted")],
      hungMs: 1000,
      memoryMbMax: 64,
    });
    const task = { seed: 7, inputsMax: 200_000, millisecondsMax: 60_000, findingsMax: 1 };
    const guided = await worker.fuzz({ ...task, name: "planted" });
    expect(guided.findings).toMatchObject([{ kind: "TypeError", input: Buffer.from("Sot") }]);
    const blind = await worker.fuzz({ ...task, name: "planted", blind: true, inputsMax: 2 * guided.inputs });
    expect(blind.findings).toEqual([]);
    // Each ends its thread; the next one is found by another.
    for (const [name, kind] of [
      ["hangs", "Hung"],
      ["grows", "OutOfMemory"],
    ] as const) {
      const { findings } = await worker.fuzz({ ...task, name });
      expect(findings).toMatchObject([{ target: name, kind, seed: 7 }]);
      expect(findings[0]?.input[0]).not.toBe(0);
    }
    await worker.close();
  });

  const toy = (changes: Partial<FuzzTarget>): FuzzTarget => ({
    name: "toy",
    form: "bytes",
    seeds: () => [new Uint8Array(4)],
    faults: ["TOY_MALFORMED"],
    run: () => undefined,
    ...changes,
  });

  test.each([
    { id: "what is no fault", error: new RangeError("Invalid array length"), kind: "RangeError" },
    { id: "a fault of another's", error: new Fault("OTHER", "no"), kind: "Fault OTHER" },
  ])("takes $id for a bug", async ({ error, kind }) => {
    const throwing = toy({
      run: () => {
        throw error;
      },
    });
    expect((await examine(throwing, new Uint8Array(1))).bug).toMatchObject({ kind });
  });

  test("takes a decoder's own fault for an answer, and slow work for a bug", async () => {
    const refusing = toy({ run: () => Promise.reject(new Fault("TOY_MALFORMED", "no")) });
    expect(await examine(refusing, new Uint8Array(1))).toMatchObject({ accepted: false, bug: null });
    const slow = toy({
      run: () => {
        const started = performance.now();
        while (performance.now() - started < 60);
      },
    });
    expect((await examine(slow, new Uint8Array(1), 50)).bug).toMatchObject({ kind: "Slow" });
  });

  test("makes the same inputs from the same seed", async () => {
    const inputsOf = async (seed: number): Promise<string[]> => {
      const seen: string[] = [];
      const noting = toy({ run: (input) => seen.push(Buffer.from(input).toString("hex")) });
      await fuzz(noting, { seed, inputsMax: 50, millisecondsMax: 10_000, coverage: noCoverage, corpus: [] });
      return seen;
    };
    expect(await inputsOf(5)).toEqual(await inputsOf(5));
    expect(await inputsOf(5)).not.toEqual(await inputsOf(6));
  });

  test("prints counts; inputs are read from a file as they were printed", () => {
    const { stdout, status } = run(
      "./main.ts",
      "--only",
      "signs,sealed-rows",
      "--inputs",
      "300",
      "--json",
      "--jobs",
      "1",
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      inputs: 600,
      decoders: [
        { target: "sealed-rows", inputs: 300 },
        { target: "signs", accepted: 300, refused: 0 },
      ],
      findings: [],
    });
    const file = join(folder.path, "inputs");
    const inputs = [Uint8Array.of(1, 2), new Uint8Array(200).fill(3)];
    writeFileSync(file, inputText(inputs));
    expect(readInputs(file)).toEqual(inputs);
  });
});
