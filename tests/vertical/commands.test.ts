import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { printPassages } from "../../cli/print-passages.ts";
import { loadKeyFile } from "../../party-node/keys.ts";
import { createNodeFolder, writeConfig } from "../../party-node/node-folder.ts";
import { type FederationTerms, openFederation, signFederation, toBase64 } from "../../protocol/index.ts";
import { expectRefusal, expectUsageError, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder.path, ...path);
afterAll(() => {
  folder[Symbol.dispose]();
});

const FEW_DIMENSIONS = [
  ...["federation", "create", "Few", "--coordinator-url", "ws://127.0.0.1:1"],
  ...["--vertical", "2", "--encoder", "lexical:256"],
];

/** The founder's folder, with the federation that `federation create` made, and a node of it that is a party and its coordinator. */
let terms: FederationTerms;
beforeAll(async () => {
  await sottoOutput([
    "federation",
    "create",
    "Two",
    "--coordinator-url",
    "ws://127.0.0.1:1",
    "--vertical",
    "2",
    "--dir",
    at("f"),
  ]);
  const root = loadKeyFile(at("f", "federation-root.key")).identity;
  const rootPublicKey = toBase64(root.publicKey);
  ({ terms } = openFederation(readFileSync(at("f", "federation.json"), "utf8"), rootPublicKey));
  const node = (name: string, of: FederationTerms): void => {
    const { keyPath } = createNodeFolder(at(name), name);
    const publicKey = toBase64(loadKeyFile(keyPath).identity.publicKey);
    const members = [...of.members, { name, roles: ["party" as const, "coordinator" as const], publicKey }];
    writeFileSync(at(name, "federation.json"), signFederation({ ...of, members }, root.privateKey));
    writeConfig(at(name), { name, rootPublicKey });
  };
  const { vertical: _, ...horizontal } = terms;
  const other = { name: "other", roles: ["party" as const], publicKey: toBase64(new Uint8Array(32).fill(3)) };
  node("early", terms);
  node("titles", { ...terms, members: [other] });
  node("flat", horizontal);
  writeFileSync(at("corpus.jsonl"), '{"_id":"a","text":"one text"}\n');
  writeFileSync(at("ids.json"), '{"version":1,"ids":["a"]}');
});

describe("commands in a vertical federation", () => {
  test("found it with a norm that leaves room for the sum, and show it", async () => {
    expect(terms.vertical).toEqual({ parties: 2 });
    expect(terms.scoring.normMax).toBe(48);
    expect(await sottoOutput(["federation", "show", "--dir", at("titles")])).toMatch(
      /14-bit scores; totals of 2 parties/,
    );
  });

  test("found it with few dimensions where that is accepted", async () => {
    await sottoOutput([...FEW_DIMENSIONS, "--dir", at("few-accepted"), "--accept-few-dimensions"]);
    expect(existsSync(at("few-accepted", "federation.json"))).toBe(true);
  });

  test("refuse what cannot be, and say what to do", async () => {
    const ingest = (name: string, ...more: string[]): string[] => [
      "ingest",
      at("corpus.jsonl"),
      "--dir",
      at(name),
      ...more,
    ];
    await Promise.all([
      expectUsageError(["federation", "create", "One", "--coordinator-url", "ws://a", "--vertical", "1"], /from 2 to/),
      expectRefusal([...FEW_DIMENSIONS, "--dir", at("few")], {
        fault: "DIMENSIONS_FEW",
        says: /256 dimensions.*--accept-few-dimensions/,
      }),
      expectRefusal(ingest("titles"), { fault: "ALIGNMENT_NEEDED", says: /--alignment FILE/ }),
      expectRefusal(ingest("flat", "--alignment", at("ids.json")), {
        fault: "ALIGNMENT_NOT_WANTED",
        says: /leave it out/,
      }),
      expectRefusal(["coordinator", "--dir", at("early"), "--port", "0"], {
        fault: "VERTICAL_INCOMPLETE",
        says: /2 parties and names 1/,
      }),
      expectRefusal(["node", "--routable", "--dir", at("titles")], { fault: "OPTION_UNFIT", says: /only totals/ }),
      expectRefusal(["node", "--dir", at("early")], { fault: "VERTICAL_INCOMPLETE", says: /2 parties and names 1/ }),
    ]);
  });
});

test("an entity is printed with each party's part", () => {
  let printed = "";
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      printed += chunk.toString();
      done();
    },
  });
  const parts = [
    { party: "texts", documentId: "e7", title: "", text: "What the entity is." },
    { party: "titles", documentId: "e7", title: "Its title", text: "And more" },
  ];
  const text = parts.map((part) => part.text).join("\n\n");
  printPassages(
    [{ party: "texts+titles", documentId: "e7", title: "Its title", text, ordinal: 0, score: 0.5, parts }],
    out,
  );
  expect(stripVTControlCharacters(printed)).toBe(
    "\n[1] texts+titles · e7  score 0.500\n    texts  What the entity is.\n    titles  Its title · And more\n",
  );
});
