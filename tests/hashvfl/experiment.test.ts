import { describe, expect, test } from "@jest/globals";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../crypto/index.ts";
import {
  type ExperimentOptions,
  type ExperimentReport,
  localParties,
  runExperiment,
  runsTable,
} from "../../simulations/hashvfl/index.ts";
import { settingsFor } from "../../simulations/hashvfl/settings.ts";
import type { TrainingParty } from "../../simulations/hashvfl/training-party.ts";
import type { VerticalData } from "../../simulations/hashvfl/vertical-data.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { separableData } from "./separable-data.ts";

const data = separableData();
const settings = settingsFor(undefined, {
  bits: 8,
  epochs: 4,
  batch: 32,
  bottomHidden: [8],
  topHidden: [8],
  learningRate: 0.01,
});
const run = (changes: Partial<ExperimentOptions> = {}): Promise<ExperimentReport> =>
  runExperiment({ data, settings, baselines: [], folder: null, resume: false, ...changes });
/** Figures without the time they took. */
const figures = (report: ExperimentReport): unknown =>
  JSON.parse(JSON.stringify(report, (key, value: unknown) => (key === "seconds" ? undefined : value)));
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("an experiment", () => {
  test("learns from codes, balances bits and pulls them to class codes; without normalisation it does not balance them", async () => {
    const uneven = separableData({ classes: 2, rare: 0.25, spread: 1.5, rows: 480 });
    const report = await run({
      data: uneven,
      settings: { ...settings, epochs: 6 },
      baselines: ["unhashed", "alone", "no-batch-norm", "no-consistency"],
    });
    const { hashed, baselines } = report;
    expect(hashed.accuracy).toBeGreaterThan(0.93);
    expect(hashed.auc).toBeGreaterThan(0.93);
    expect(hashed.balance.balanced).toBeGreaterThanOrEqual(0.8);
    expect(baselines["no-batch-norm"]!.balance.balanced).toBeLessThan(0.5);
    expect(hashed.consistency.withClassCode).toBeGreaterThan(
      baselines["no-consistency"]!.consistency.withClassCode + 0.1,
    );
    expect(hashed.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(hashed.epochs[5]!.loss).toBeLessThan(hashed.epochs[0]!.loss);
    expect(Object.keys(baselines)).toEqual(["unhashed", "alone-p0", "no-batch-norm", "no-consistency"]);
    expect(runsTable(report)).toMatch(/hashed.*unhashed.*alone-p0/s);
  });

  test("a seed gives the same figures, another gives others; the noise is part of it", async () => {
    const short = { ...settings, epochs: 2 };
    const first = await run({ settings: short, baselines: ["laplace"] });
    expect(figures(await run({ settings: short, baselines: ["laplace"] }))).toEqual(figures(first));
    const other = await run({ settings: { ...short, seed: 2 } });
    expect(other.hashed.loss).not.toBe(first.hashed.loss);
    expect(first.baselines["laplace"]!.loss).toBeGreaterThan(first.hashed.loss);
  });

  test("takes eight parties, and codes of one bit and of 64", async () => {
    const epochs = 1;
    const many = await run({ data: separableData({ parties: 8 }), settings: { ...settings, epochs, bits: 64 } });
    expect(many.hashed.balance.shares.map(({ length }) => length)).toEqual(new Array(8).fill(64));
    const few = await run({ data: separableData({ classes: 2 }), settings: { ...settings, epochs, bits: 1 } });
    expect(few.hashed.balance.shares).toHaveLength(2);
  });
});

describe("an interrupted experiment", () => {
  const options = { baselines: ["laplace"] } as const;

  test.each([1.5, 2, 4.5, 6])(
    "stopped after %p of 8 epochs it goes on to the figures of one that was not",
    async (after) => {
      using folder = temporaryFolder();
      const stop = new AbortController();
      const onProgress: ExperimentOptions["onProgress"] = ({ epochsOfAll }) => {
        if (epochsOfAll >= after) stop.abort();
      };
      const stopped = run({ ...options, folder: folder.path, signal: stop.signal, onProgress });
      await expect(stopped).rejects.toEqual(code("ABORTED"));
      const resumed = await run({ ...options, folder: folder.path, resume: true });
      expect(figures(resumed)).toEqual(figures(await uninterrupted));
      expect(readFileSync(join(folder.path, "parties", "p0", "hashed", "bottom-model.onnx")).length).toBeGreaterThan(
        100,
      );
      expect(existsSync(join(folder.path, "parties", "p0", "hashed", "epoch-00002.cbor"))).toBe(false);
    },
  );
  const uninterrupted = run(options);

  test("goes on after a party has left in an epoch", async () => {
    using folder = temporaryFolder();
    const home = join(folder.path, "parties");
    const leaving = localParties(data, home).map((party): TrainingParty => {
      let batches = 0;
      const forward: TrainingParty["forward"] = (split, rows, training) =>
        training && ++batches > 10 && party.name === "p1"
          ? Promise.reject(new Fault("PARTY_LEFT", "p1 has left"))
          : party.forward(split, rows, training);
      return {
        name: party.name,
        forward,
        shape: () => party.shape(),
        begin: (...given) => party.begin(...given),
        backward: (gradient) => party.backward(gradient),
        endEpoch: (done) => party.endEpoch(done),
        exportModel: (name) => party.exportModel(name),
      };
    });
    await expect(run({ ...options, folder: folder.path, parties: leaving })).rejects.toEqual(code("PARTY_LEFT"));
    const resumed = await run({ ...options, folder: folder.path, resume: true });
    expect(figures(resumed)).toEqual(figures(await uninterrupted));
  });

  test("is not gone on with under other settings, with other data, or from what is damaged", async () => {
    using folder = temporaryFolder();
    const again = (changes: Partial<ExperimentOptions>): Promise<ExperimentReport> =>
      run({ folder: folder.path, resume: true, ...changes });
    await expect(again({})).rejects.toEqual(code("CHECKPOINT_MISSING"));
    const short = { ...settings, epochs: 2 };
    await run({ folder: folder.path, settings: short });
    await expect(again({ settings: { ...short, bits: 9 } })).rejects.toMatchObject({
      code: "SETTINGS_CHANGED",
      message: expect.stringContaining("other bits;"),
    });
    await expect(again({ settings: short, data: separableData({ spread: 0.6 }) })).rejects.toEqual(
      code("SETTINGS_CHANGED"),
    );
    const file = join(folder.path, "parties", "p1", "hashed", "epoch-00002.cbor");
    const bytes = readFileSync(file);
    bytes[bytes.length - 9]! ^= 1;
    writeFileSync(file, bytes);
    await expect(again({ settings: short })).rejects.toEqual(code("CHECKPOINT_DAMAGED"));
  });
});

describe("what cannot be trained on is refused", () => {
  const withFeature = (value: number): VerticalData => {
    const values = data.train.features[1]!.slice();
    values[7] = value;
    return { ...data, train: { ...data.train, features: [data.train.features[0]!, values] } };
  };
  const cases: { id: string; code: string; changes: Partial<ExperimentOptions> }[] = [
    {
      id: "a class missing in training",
      code: "CLASS_MISSING",
      changes: { data: { ...data, classes: [...data.classes, "unseen"] } },
    },
    { id: "one class", code: "CLASS_MISSING", changes: { data: separableData({ classes: 1 }) } },
    { id: "NaN", code: "NOT_FINITE", changes: { data: withFeature(NaN) } },
    { id: "infinity", code: "NOT_FINITE", changes: { data: withFeature(-Infinity) } },
    { id: "too few bits", code: "BITS_TOO_FEW", changes: { settings: { ...settings, bits: 1 } } },
    { id: "one party", code: "PARTIES_OUT_OF_RANGE", changes: { data: separableData({ parties: 1 }) } },
    { id: "nine parties", code: "PARTIES_OUT_OF_RANGE", changes: { data: separableData({ parties: 9 }) } },
    { id: "batches of one row", code: "BATCH_TOO_SMALL", changes: { settings: { ...settings, batch: 1 } } },
    { id: "65 bits", code: "SETTINGS_INVALID", changes: { settings: { ...settings, bits: 65 } } },
    { id: "a rate of NaN", code: "SETTINGS_INVALID", changes: { settings: { ...settings, learningRate: NaN } } },
    {
      id: "an unknown setting",
      code: "SETTINGS_INVALID",
      changes: { settings: { ...settings, epsilons: 1 } as never },
    },
    {
      id: "labels and features of different rows",
      code: "ROWS_MISALIGNED",
      changes: {
        data: { ...data, train: { ...data.train, labels: data.train.labels.slice(1), ids: data.train.ids.slice(1) } },
      },
    },
    {
      id: "parties of other rows",
      code: "ROWS_MISALIGNED",
      changes: { parties: localParties(separableData({ rows: 242 }), null) },
    },
    {
      id: "a rate that diverges",
      code: "NOT_FINITE",
      changes: { settings: { ...settings, learningRate: 10, weightDecay: 10, epochs: 200 } },
    },
  ];
  test.each(cases)("$id: $code", async ({ code: expected, changes }) => {
    const error: unknown = await run(changes).catch((failure: unknown) => failure);
    expect(error).toEqual(code(expected));
  });

  test("a party refuses what comes out of order or in the wrong shape", async () => {
    const [party] = localParties(data, null);
    using one = party!;
    const rows = Uint32Array.of(0, 1, 2);
    await expect(one.forward("train", rows, true)).rejects.toEqual(code("OUT_OF_ORDER"));
    const begun = {
      run: "r",
      seed: 1,
      bits: 4,
      hidden: [],
      batchNorm: true,
      release: "codes",
      greedyPenalty: 0,
    } as const;
    const rates = { laplaceEpsilon: null, learningRate: 0.1, weightDecay: 0, stepEpochs: 1, stepFactor: 1 };
    await one.begin({ ...begun, ...rates }, 0);
    const back = async (length: number, value = 0): Promise<void> => one.backward(new Float32Array(length).fill(value));
    await expect(back(12)).rejects.toEqual(code("OUT_OF_ORDER"));
    await one.forward("train", rows, true);
    await expect(back(11)).rejects.toEqual(code("WRONG_SHAPE"));
    await expect(back(12, NaN)).rejects.toEqual(code("NOT_FINITE"));
    await back(12);
    await expect(back(12)).rejects.toEqual(code("OUT_OF_ORDER"));
    await expect(one.forward("test", Uint32Array.of(120), false)).rejects.toEqual(code("WRONG_SHAPE"));
    await expect(one.endEpoch(2)).rejects.toEqual(code("OUT_OF_ORDER"));
    await expect(one.begin({ ...begun, ...rates }, 1)).rejects.toEqual(code("CHECKPOINT_MISSING"));
  });
});
