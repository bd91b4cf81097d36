import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { withTrainingProcesses } from "../../cli/training-processes.ts";
import { LocalParty } from "../../simulations/hashvfl/local-party.ts";
import { featuresOf } from "../../simulations/hashvfl/party-data.ts";
import { DEFAULT_SETTINGS, type TrainingSettings } from "../../simulations/hashvfl/settings.ts";
import type { TrainingParty } from "../../simulations/hashvfl/training-party.ts";
import { type RunResult, type RunVariant, trainRun } from "../../simulations/hashvfl/training-run.ts";
import type { VerticalData, VerticalSplit } from "../../simulations/hashvfl/vertical-data.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { sotto } from "../support/cli.ts";
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

function run(
  parties: readonly TrainingParty[],
  { out = null, resume = false }: { out?: string | null; resume?: boolean } = {},
): Promise<RunResult> {
  const labels = { classes: 2, train: data.train.labels, test: data.test.labels };
  return trainRun({ settings, variant: hashed, parties, labels, folder: out, resume });
}

const inMemory = (): LocalParty[] =>
  data.parties.map(({ name }, i) => new LocalParty({ name, features: featuresOf(data, i), folder: null }));

test("a party killed in an epoch has left, and the run goes on from its checkpoint to the same numbers", async () => {
  const out = join(folder.path, "killed");
  const server = join(out, "server");
  const expected = await run(inMemory());
  const killed = withTrainingProcesses(data, { folder: out }, ({ parties, processes }) => {
    const [guest, host] = parties;
    let steps = 0;
    const dying: TrainingParty = {
      name: host!.name,
      shape: () => host!.shape(),
      begin: (...args) => host!.begin(...args),
      forward: (...args) => host!.forward(...args),
      endEpoch: (done) => host!.endEpoch(done),
      exportModel: (name) => host!.exportModel(name),
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

test("sotto simulate hashvfl reports the same of both transports", async () => {
  const csv = join(folder.path, "table.csv");
  const lines = Array.from({ length: 80 }, (_, i) => [
    i,
    i % 2,
    ...[1, 2, 3].map((k) => (random() + (i % 2) / k).toFixed(3)),
  ]);
  writeFileSync(csv, [["id", "y", "a", "b", "c"], ...lines].map((line) => line.join(",")).join("\n"));
  const report = async (transport: string): Promise<Record<string, unknown>> => {
    const out = join(folder.path, transport);
    const source = ["--csv", csv, "--label", "y", "--id", "id", "--columns", "guest=a,b", "--columns", "host=c"];
    const size = ["--epochs", "2", "--bits", "8", "--hidden", "8", "--baselines", "unhashed,laplace"];
    const { stdout, stderr, code } = await sotto([
      ...["simulate", "hashvfl", "--transport", transport, "--out", out, "--json"],
      ...[...source, ...size],
    ]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const models = ["guest", "host"].map((name) =>
      readFileSync(join(out, "parties", name, "hashed/bottom-model.onnx")),
    );
    const { transport: said, hashed, anomaly, baselines } = JSON.parse(stdout) as Record<string, unknown>;
    expect(said).toBe(transport);
    const figures = JSON.stringify({ hashed, anomaly, baselines }, (key, value: unknown) =>
      key === "seconds" ? undefined : value,
    );
    return { figures, models };
  };
  const [memory, processes] = await Promise.all([report("memory"), report("processes")]);
  expect(processes).toEqual(memory);
  expect(memory).toMatchObject({ figures: expect.stringMatching(/"anomaly":{"auc":0\.\d/) });
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
