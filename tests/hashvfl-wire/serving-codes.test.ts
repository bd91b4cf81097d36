import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { LocalFederation } from "../../cli/local-federation.ts";
import { CodeBudget, CodeService, openCodeTable, readCodes } from "../../party-node/codes/index.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { CoordinatorLink, EndToEndSession } from "../../party-node/link/index.ts";
import { limits } from "../../protocol/index.ts";
import { bottomModelToOnnx } from "../../simulations/hashvfl/onnx-model.ts";
import { expectRefusal, sotto } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const BITS = 10;
const COUNT = limits.codesPerRequestMax + 100;

/** A model of two features whose bit b says whether 2 x - y exceeds b - 5. */
const model = (sign = true): Uint8Array =>
  bottomModelToOnnx({
    layers: [
      {
        inputs: 2,
        outputs: BITS,
        weights: Float32Array.from({ length: 2 * BITS }, (_, i) => (i < BITS ? 2 : -1)),
        bias: Float32Array.from({ length: BITS }, (_, b) => 5 - b),
      },
    ],
    batchNorm: null,
    sign,
  });
const codeOf = (x: number, y: number): Uint8Array => {
  const code = new Uint8Array(2);
  for (let b = 0; b < BITS; b++) if (2 * x - y + 5 - b >= 0) code[b >> 3]! |= 1 << (b & 7);
  return code;
};
/** Features of entity number i at a party. */
const features = (i: number): [number, number] => [(i % 7) - 3, i % 4];
const line = (i: number): string => [`entity ${String(i)}`, ...features(i)].join(",");
const table = (lines: readonly string[]): string => ["id,x,y", ...lines].join("\n");

function codesFolder(name: string, csv: string, onnx: Uint8Array = model()): string {
  const path = join(folder.path, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "features.csv"), csv);
  writeFileSync(join(path, "bottom-model.onnx"), onnx);
  return path;
}

const numbers = Array.from({ length: COUNT }, (_, i) => i);
const common = codesFolder("common", table(numbers.map(line)));

describe("a table of codes", () => {
  test("holds what the exported model gives for every entity", async () => {
    const { bits, codes } = await openCodeTable(common);
    expect(bits).toBe(BITS);
    expect(codes.size).toBe(COUNT);
    for (const i of numbers) expect(codes.get(`entity ${String(i)}`)).toEqual(codeOf(...features(i)));
  });

  test.each<[string, string, Uint8Array, string]>([
    ["features of another number", "id,x\na,1", model(), "FEATURES_MALFORMED"],
    ["NaN", table(["a,1,2", "b,NaN,1"]), model(), "FEATURES_MALFORMED"],
    ["an empty cell", table(["a,1,"]), model(), "FEATURES_MALFORMED"],
    ["a number too large", table(["a,1,1e39"]), model(), "FEATURES_MALFORMED"],
    ["an id twice", table(["a,1,2", "a,1,2"]), model(), "FEATURES_MALFORMED"],
    ["no id", table([",1,2"]), model(), "FEATURES_MALFORMED"],
    ["a short line", table(["a,1"]), model(), "FEATURES_MALFORMED"],
    ["an open quote", table(['"a,1,2']), model(), "FEATURES_MALFORMED"],
    ["no rows", table([]), model(), "FEATURES_MALFORMED"],
    ["nothing", "", model(), "FEATURES_MALFORMED"],
    ["a model that is none", table(["a,1,2"]), new Uint8Array(100), "BAD_MODEL"],
    ["a model that gives floats", table(["a,1,2"]), model(false), "BAD_MODEL"],
  ])("with %s is refused", async (_, csv, onnx, code) => {
    const path = codesFolder("bad", csv, onnx);
    await expect(openCodeTable(path)).rejects.toMatchObject({ code, message: expect.not.stringMatching(/NaN|1e39/) });
  });

  test("is refused where its features cannot be read", async () => {
    const path = codesFolder("unreadable", "");
    rmSync(join(path, "features.csv"));
    mkdirSync(join(path, "features.csv"));
    await expect(openCodeTable(path)).rejects.toMatchObject({ code: "FEATURES_MALFORMED" });
  });

  test("is missed by name", async () => {
    await expect(openCodeTable(join(folder.path, "nowhere"))).rejects.toMatchObject({ code: "CODES_MISSING" });
  });
});

describe("a budget of codes", () => {
  test("counts every entity, outlives the process, and is each member's own", () => {
    const path = join(folder.path, "codes-read.json");
    const budget = new CodeBudget({ path, max: 10 });
    expect(budget.spend("lab", 7)).toBe(3);
    expect(() => budget.spend("lab", 4)).toThrow(expect.objectContaining({ code: "CODES_SPENT" }));
    expect(new CodeBudget({ path, max: 10 }).spend("lab", 3)).toBe(0);
    expect(new CodeBudget({ path, max: 10 }).spend("bank", 10)).toBe(0);
    writeFileSync(path, '{"lab": "none"}');
    expect(() => new CodeBudget({ path, max: 10 })).toThrow(expect.objectContaining({ code: "BUDGET_MALFORMED" }));
  });
});

describe("codes over the end-to-end session", () => {
  let federation: TestFederation;
  const links: CoordinatorLink[] = [];
  beforeAll(async () => {
    const service = new CodeService({
      table: await openCodeTable(common),
      readers: new Set(["asker"]),
      budget: new CodeBudget({ path: join(folder.path, "served.json"), max: COUNT + 10 }),
    });
    federation = await TestFederation.start({
      corpora: { bank: {}, shop: {} },
      queriers: ["asker", "stranger"],
      handlers: { bank: [service] },
    });
  });
  afterAll(async () => {
    for (const link of links) link.close();
    await federation[Symbol.asyncDispose]();
  });

  async function session(party: string, member = "asker"): Promise<EndToEndSession> {
    const identity = federation.identity(member);
    const link = new CoordinatorLink({ urls: [federation.url], identity, federation: federation.federation });
    links.push(link);
    await link.open();
    return EndToEndSession.open({ link, party, identity, federation: federation.federation });
  }

  test("come in the order asked for, unknown entities told apart, up to the budget", async () => {
    const asked = ["who", ...[...numbers].reverse().map((i) => `entity ${String(i)}`), "else"];
    const bank = await session("bank");
    const { bits, codes, left } = await readCodes(bank, asked);
    expect({ bits, left, first: codes[0], last: codes.at(-1) }).toEqual({
      bits: BITS,
      left: 8,
      first: null,
      last: null,
    });
    expect(codes.slice(1, -1)).toEqual([...numbers].reverse().map((i) => codeOf(...features(i))));
    await expect(readCodes(bank, asked.slice(0, 9))).rejects.toMatchObject({ code: "CODES_SPENT" });
    expect((await readCodes(bank, asked.slice(0, 8))).left).toBe(0);
  });

  test("go to nobody else, and a party without codes says so", async () => {
    await expect(readCodes(await session("bank", "stranger"), ["a"])).rejects.toMatchObject({
      code: "NOT_CODE_READER",
    });
    await expect(readCodes(await session("shop"), ["a"])).rejects.toMatchObject({ code: "NO_CODES" });
  });
});

test("sotto codes check names the entity whose features were swapped at one party", async () => {
  const lines = numbers.slice(0, 40).map(line);
  const swapped = lines.with(17, ["entity 17", ...features(17).map((value) => 3 - 2 * value)].join(","));
  const folders: Record<string, string> = {
    bank: codesFolder("bank", table(lines)),
    shop: codesFolder("shop", table(swapped.slice(10))),
  };
  const encoder = await openEncoder("lexical:64");
  await using federation = new LocalFederation({
    parties: Object.keys(folders).map((name) => ({ name, paths: [] })),
    encoder,
    serve: (name) => ["node", "--codes", folders[name]!, "--codes-for", "querier", "--codes-limit", "100"],
  });
  await federation.start();
  const ids = join(folder.path, "ids.txt");
  writeFileSync(ids, [...numbers.slice(0, 40).map((i) => `entity ${String(i)}`), "nobody"].join("\n"));
  const dir = federation.folderOf("querier");
  const { code, stdout } = await sotto(["codes", "check", "--ids", ids, "--json", "--dir", dir]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    entities: 41,
    compared: 30,
    bits: BITS,
    suspects: [{ entity: "entity 17", farthest: null }],
    parties: [
      { party: "bank", status: "answered", known: 40 },
      { party: "shop", status: "answered", known: 30, left: 59 },
    ],
  });
  expect(readFileSync(join(federation.folderOf("bank"), "codes-read.json"), "utf8")).toContain("41");

  const check = ["codes", "check", "--ids", ids, "--dir", dir];
  const printed = await sotto(check);
  expect(printed.stderr).toMatch(/shop {2}knows 30 of 41; 18 more may be asked for/);
  expect(printed.stdout).toMatch(/│ +entity 17 │/);
  await expectRefusal(check, { fault: "CODES_TOO_FEW", says: /came for 0 of .*shop: CODES_SPENT: / });
});
