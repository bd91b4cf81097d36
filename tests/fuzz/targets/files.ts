import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { readEntityIds } from "../../../party-node/aligning/entity-ids.ts";
import { CodeBudget } from "../../../party-node/codes/code-budget.ts";
import { readEntityFeatures } from "../../../party-node/codes/entity-features.ts";
import { readOnnxFiles } from "../../../party-node/encoders/onnx-files.ts";
import { fileContent } from "../../../party-node/keyring/entry.ts";
import { Keyring, importEntry } from "../../../party-node/keyring/index.ts";
import { PassphraseKey, passphraseBox } from "../../../party-node/keyring/passphrase-box.ts";
import { loadKeyFile } from "../../../party-node/keys.ts";
import { readManifest } from "../../../party-node/models/manifest.ts";
import { openNodeFolder } from "../../../party-node/node-folder.ts";
import { SeenSequences } from "../../../party-node/outsourced/seen-sequences.ts";
import { QueryBudget } from "../../../party-node/serving/query-budget.ts";
import { QuerierRights, RIGHT_DEFAULT } from "../../../party-node/serving/rights.ts";
import { limits } from "../../../protocol/index.ts";
import { readAlignment } from "../../../party-node/vertical/alignment.ts";
import { LastAsked } from "../../../party-node/vertical/last-asked.ts";
import { Defect, type FuzzTarget, bytesOf, text } from "../target.ts";
import { fixed } from "../world.ts";
import { entry } from "./sealed.ts";

const json = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value));

/** Gives a reader of files its input in a file of mode 0600. */
export function inFile(
  folder: string,
  name: string,
  target: Omit<FuzzTarget, "run" | "name">,
  read: (path: string) => unknown,
  fileName = name,
): FuzzTarget {
  const path = join(folder, name, fileName);
  let made = false;
  return {
    ...target,
    name,
    run: (input) => {
      if (!made) mkdirSync(dirname(path), { recursive: true });
      made = true;
      writeFileSync(path, input, { mode: 0o600 });
      return read(path);
    },
  };
}

const plainKeyring = { version: 1, entries: [entry] };
const keyringSeeds = (): Uint8Array[] => [
  json(z.encode(fileContent, plainKeyring as unknown as z.output<typeof fileContent>)),
  json({ version: 1, entries: [] }),
];
const PASSPHRASE = "correct horse battery staple";
const derivation = {
  algorithm: "argon2id",
  memoryKiB: 8192,
  passes: 1,
  parallelism: 1,
  salt: Buffer.from(fixed("salt").subarray(0, 16)).toString("base64"),
} as const;
const passphraseKey = PassphraseKey.derive(PASSPHRASE, derivation);
const exported = async (inside: string): Promise<Uint8Array> =>
  json((await passphraseKey).seal("keyring entry", inside));
const entryText = (): string =>
  JSON.stringify((JSON.parse(text(keyringSeeds()[0]!)) as { entries: unknown[] }).entries[0]);

/** An exported entry asks for up to a gibibyte and sixteen passes before its passphrase is judged, as its docstring says: tried with the least alone. */
function isCheap(input: Uint8Array): boolean {
  try {
    const { memoryKiB, passes, parallelism } = passphraseBox.parse(JSON.parse(text(input))).derivation;
    return memoryKiB * passes * parallelism <= 16_384;
  } catch {
    return true;
  }
}

/** Files that a node reads: its own after damage, and those that people and other members give it. */
export function fileTargets(folder: string): FuzzTarget[] {
  const of = (
    name: string,
    form: FuzzTarget["form"],
    faults: readonly string[],
    seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>,
    read: (path: string) => unknown,
    fileName?: string,
  ): FuzzTarget => inFile(folder, name, { form, faults, seeds }, read, fileName);
  const members = (value: unknown) => () => [json({ asker: value, beta: value }), json({})];
  return [
    of(
      "key-file",
      "json",
      ["KEY_FILE_MALFORMED"],
      () => [json({ version: 1, seed: "A".repeat(43) + "=" })],
      loadKeyFile,
    ),
    of(
      "node-config",
      "json",
      ["CONFIG_MALFORMED"],
      () => [json({ name: "alpha" }), json({ name: "a", coordinatorUrl: "ws://h:1", encoder: "onnx:m", store: "s" })],
      (path) => openNodeFolder(dirname(path)),
      "sotto.json",
    ),
    of("keyring-file", "json", ["KEYRING_MALFORMED", "KEYRING_PROTECTED"], keyringSeeds, async (path) => {
      using keyring = await Keyring.open(path);
      return keyring.entries.length;
    }),
    {
      name: "exported-entry",
      form: "json",
      faults: ["KEYRING_MALFORMED", "KEYRING_PASSPHRASE"],
      seeds: async () => [await exported(entryText())],
      run: async (input) => (isCheap(input) ? await importEntry(text(input), PASSPHRASE) : null),
    },
    of("query-budget", "json", ["QUERY_BUDGET_MALFORMED", "QUERY_BUDGET_SPENT"], members({ "20000": 3 }), (path) => {
      new QueryBudget({ path, max: 5, days: 7, wallClock: () => 0 }).spend("asker");
    }),
    of(
      "rights",
      "json",
      ["RIGHTS_MALFORMED"],
      () => [
        json({ version: 1, default: RIGHT_DEFAULT, members: {} }),
        json({
          version: 1,
          default: { ...RIGHT_DEFAULT, mayQuery: false },
          members: { asker: { mayQuery: true, questions: 5, days: 7, passages: 3 } },
        }),
      ],
      (path) => {
        const { passages } = new QuerierRights(path).of("asker");
        if (!(passages >= 0 && passages <= limits.fetchHandlesMax))
          throw new Defect("a right to no number of passages");
      },
    ),
    of("codes-read", "json", ["BUDGET_MALFORMED"], members(4), (path) => new CodeBudget({ path, max: 5 })),
    of("last-asked", "json", ["ANSWERED_MALFORMED"], members(4), (path) => new LastAsked(path)),
    of(
      "seen-sequences",
      "json",
      [],
      () => [json({ ["ab".repeat(16)]: 4 })],
      (path) => {
        const seen = new SeenSequences(path).get("ab".repeat(16));
        if (!Number.isSafeInteger(seen) || seen < 0) throw new Defect("a sequence is no whole number");
      },
    ),
    of("alignment-file", "json", ["ALIGNMENT_MALFORMED"], () => [json({ version: 1, ids: ["a", "b"] })], readAlignment),
    of(
      "entity-ids",
      "text",
      ["ENTITIES_MALFORMED", "ID_MISSING", "ID_TOO_LONG", "IDS_DUPLICATE"],
      () => [bytesOf("p1\np2\n")],
      (path) => readEntityIds(path),
    ),
    of(
      "entity-ids-csv",
      "text",
      ["ENTITIES_MALFORMED", "ID_MISSING", "ID_TOO_LONG", "IDS_DUPLICATE"],
      () => [bytesOf('id,age\np1,3\n"p2",4\n')],
      (path) => readEntityIds(path),
      "ids.csv",
    ),
    of(
      "entity-features",
      "text",
      ["FEATURES_MALFORMED"],
      () => [bytesOf("id,a,b\np1,1,2.5e3\np2,-3,4\n")],
      async (path) => {
        const { ids, columns, values } = await readEntityFeatures(path);
        if (values.length !== ids.length * columns || !values.every(Number.isFinite))
          throw new Defect("features are missing or no numbers");
      },
    ),
    of(
      "model-manifest",
      "json",
      ["BAD_MANIFEST"],
      () => [
        json({
          name: "m",
          files: [{ path: "a/b.onnx", url: "https://x.example/b", bytes: 5, sha256: "ab".repeat(32) }],
        }),
      ],
      (path) => {
        for (const file of readManifest(path).files)
          if (!join(folder, file.path).startsWith(folder)) throw new Defect("a model's file leads out of its folder");
      },
    ),
    modelFolder(folder),
  ];
}

const MODEL_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "config.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
  "1_Pooling/config.json",
];

/** The JSON files of a model folder, all in one object by name. */
function modelFolder(folder: string): FuzzTarget {
  const directory = join(folder, "model");
  return {
    name: "model-folder",
    form: "json",
    faults: ["MODEL_MISSING", "BAD_MODEL"],
    seeds: () => [
      json({
        "tokenizer.json": {},
        "tokenizer_config.json": { model_max_length: 512 },
        "config.json": { model_type: "mpnet", max_position_embeddings: 514 },
        "sentence_bert_config.json": { max_seq_length: 128 },
        "config_sentence_transformers.json": { prompts: { query: "query: ", passage: "passage: ", document: "" } },
        "1_Pooling/config.json": { pooling_mode_cls_token: true },
      }),
    ],
    run: async (input) => {
      const files = parsedObject(input);
      mkdirSync(join(directory, "1_Pooling"), { recursive: true });
      writeFileSync(join(directory, "model.onnx"), "");
      for (const name of MODEL_FILES) {
        rmSync(join(directory, name), { force: true });
        if (files === null) writeFileSync(join(directory, name), input);
        else if (name in files) writeFileSync(join(directory, name), JSON.stringify(files[name]));
      }
      const { maxTokens, queryPrefix, passagePrefix } = await readOnnxFiles(directory);
      if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) throw new Defect("a model takes no tokens");
      if (typeof queryPrefix !== "string" || typeof passagePrefix !== "string") throw new Defect("a prefix is no text");
    },
  };
}

/** Null where it is none. */
function parsedObject(input: Uint8Array): Record<string, unknown> | null {
  try {
    return Object.fromEntries(Object.entries(JSON.parse(text(input)) as object));
  } catch {
    return null;
  }
}
