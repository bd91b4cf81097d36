import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { withTrainingProcesses } from "../../cli/training-processes.ts";
import { packSigns } from "../../protocol/index.ts";
import { LocalParty } from "../../simulations/hashvfl/local-party.ts";
import { featuresOf } from "../../simulations/hashvfl/party-data.ts";
import { DEFAULT_SETTINGS, type TrainingSettings } from "../../simulations/hashvfl/settings.ts";
import type { TrainingParty } from "../../simulations/hashvfl/training-party.ts";
import { type RunResult, type RunVariant, trainRun } from "../../simulations/hashvfl/training-run.ts";
import type { VerticalData, VerticalSplit } from "../../simulations/hashvfl/vertical-data.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const random = seededRandom(3);

/** Two classes that each party's columns tell apart a little. */
function split(name: string, rows: number): VerticalSplit {
  const labels = Uint8Array.from({ length: rows }, (_, i) => i % 2);
  const values = (columns: number): Float32Array =>
    Float32Array.from({ length: rows * columns }, (_, i) => random() * 2 - 1 + labels[Math.floor(i / columns)]! * 0.5);
  return { ids: Array.from(labels, (_, i) => `${name}-${String(i)}`), labels, features: [values(4), values(3)] };
}

const data: VerticalData = {
  name: "made up",
  classes: ["no", "yes"],
  parties: [
    { name: "guest", features: ["a", "b", "c", "d"] },
    { name: "host", features: ["e", "f", "g"] },
  ],
  train: split("train", 48),
  test: split("test", 16),
};
const settings: TrainingSettings = {
  ...DEFAULT_SETTINGS,
  bits: 12,
  epochs: 3,
  batch: 16,
  bottomHidden: [8],
  topHidden: [8],
};
const hashed: RunVariant = {
  name: "hashed",
  batchNorm: true,
  release: "codes",
  greedyPenalty: 0,
  laplaceEpsilon: null,
  consistencyWeight: 1,
};
const noisy: RunVariant = { ...hashed, name: "laplace", laplaceEpsilon: 1 };

function run(
  parties: readonly TrainingParty[],
  {
    variant = hashed,
    out = null,
    resume = false,
  }: { variant?: RunVariant; out?: string | null; resume?: boolean } = {},
): Promise<RunResult> {
  const labels = { classes: 2, train: data.train.labels, test: data.test.labels };
  return trainRun({ settings, variant, parties, labels, folder: out, resume });
}

const inMemory = (): LocalParty[] =>
  data.parties.map(({ name }, i) => new LocalParty({ name, features: featuresOf(data, i), folder: null }));

/** A party that keeps what it was told and what it said. */
function recorded(party: TrainingParty, seen: { codes: Float32Array[]; gradients: Float32Array[] }): TrainingParty {
  return {
    name: party.name,
    shape: () => party.shape(),
    begin: (...args) => party.begin(...args),
    endEpoch: (done) => party.endEpoch(done),
    exportModel: (name) => party.exportModel(name),
    forward: async (...args) => {
      const released = await party.forward(...args);
      seen.codes.push(released);
      return released;
    },
    backward: (gradient) => {
      seen.gradients.push(gradient);
      return party.backward(gradient);
    },
  };
}

describe("training between processes", () => {
  test("gives the numbers of training in memory, and the coordinator reads no code and no gradient", async () => {
    const seen = { codes: [] as Float32Array[], gradients: [] as Float32Array[] };
    const parties = inMemory();
    const expected = [await run(parties), await run(parties, { variant: noisy })];
    let transcript = "";
    const measured = await withTrainingProcesses(
      data,
      { folder: folder.path, transcripts: true },
      async ({ parties: there, transcriptOf }) => {
        const results = [await run(there.map((party) => recorded(party, seen))), await run(there, { variant: noisy })];
        transcript = readFileSync(transcriptOf("coordinator"), "utf8");
        return results;
      },
    );
    expect(measured.map(({ epochs }) => epochs)).toEqual(expected.map(({ epochs }) => epochs));
    const carried = Buffer.concat(
      transcript
        .split("\n")
        .filter(Boolean)
        .map((line) => Buffer.from((JSON.parse(line) as { payload: string }).payload, "base64")),
    );
    const packed = seen.codes.map((codes) => Buffer.from(packSigns(codes)));
    const gradients = seen.gradients.map((values) => Buffer.from(values.buffer, values.byteOffset, 16));
    expect(packed.length + gradients.length).toBeGreaterThan(30);
    expect(carried.length).toBeGreaterThan(gradients.length * 16 * settings.bits * 4);
    expect([...packed, ...gradients].filter((bytes) => carried.includes(bytes))).toEqual([]);
  });

  test("a party killed in an epoch has left, and the run goes on from its checkpoint to the same numbers", async () => {
    const out = join(folder.path, "killed");
    const server = join(out, "server");
    const expected = await run(inMemory());
    const killed = withTrainingProcesses(data, { folder: out }, ({ parties, processes }) => {
      const [guest, host] = parties;
      let steps = 0;
      const dying: TrainingParty = {
        ...recorded(host!, { codes: [], gradients: [] }),
        backward: async (gradient) => {
          if (++steps === 5) process.kill(processes.find(({ name }) => name === "host")!.pid, "SIGKILL");
          await host!.backward(gradient);
        },
      };
      return run([guest!, dying], { out: server });
    });
    await expect(killed).rejects.toMatchObject({ code: "PARTY_LEFT", message: expect.stringContaining("host") });
    const resumed = await withTrainingProcesses(data, { folder: out }, ({ parties }) =>
      run(parties, { out: server, resume: true }),
    );
    expect(resumed.epochs).toEqual(expected.epochs);
  });
});

test.each([["trainer"], ["coordinator"], ["The Host"], ["guest"]])("a party called %s is refused", async (name) => {
  const [guest, host] = data.parties;
  const named = {
    ...data,
    parties: [
      { ...guest!, name: "guest" },
      { ...host!, name },
    ],
  };
  await expect(withTrainingProcesses(named, { folder: folder.path }, () => Promise.resolve())).rejects.toMatchObject({
    code: "PARTY_NAME_INVALID",
  });
});
