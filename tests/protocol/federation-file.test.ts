import { describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import {
  type Federation,
  type FederationDraft,
  type FederationMember,
  type FounderAction,
  limits,
  openFederation,
  readFederation,
  signFederation,
  toBase64,
  verticalParties,
  withChanges,
  writeFederation,
} from "../../protocol/index.ts";

const root = sodium.crypto_sign_keypair();
const rootPublicKey = toBase64(root.publicKey);
const key = (byte: number): string => toBase64(new Uint8Array(32).fill(byte));
const AT = 1_790_000_000_000;

const members: FederationMember[] = [
  { name: "hub", roles: ["coordinator"], publicKey: key(1) },
  { name: "clinic", roles: ["party", "querier"], publicKey: key(2) },
];
const draft = {
  name: "Three organisations",
  rootPublicKey,
  coordinatorUrls: ["wss://hub.example:7700", "wss://standby.example:7700"],
  mode: "private" as const,
  encoder: { spec: "lexical", fingerprint: "ab".repeat(32) },
  scoring: { dim: 1024, chunk: 16, normMax: 30.5, scoreBits: 14, seed: key(7) },
  members,
};
const terms = { ...draft, version: 2, revision: 3 };
const file = signFederation(draft, root.privateKey, AT);
const code = (expected: string) => expect.objectContaining({ code: expected });
const changed = (text: string, ...actions: FounderAction[]): string =>
  writeFederation(withChanges(readFederation(text, rootPublicKey), actions, root.privateKey, AT + 1));

test("a signed file opens, says who may do what, and names the federation by its root key", () => {
  const federation = openFederation(file, rootPublicKey);
  expect(federation.terms).toEqual(terms);
  expect(federation.id).toEqual(sodium.crypto_generichash(32, root.publicKey, null));
  expect(federation.publicKeyOf("clinic")).toEqual(new Uint8Array(32).fill(2));
  expect([federation.publicKeyOf("nobody"), federation.publicKeyOf("toString")]).toEqual([null, null]);
  expect(["party", "querier", "coordinator"].map((role) => federation.hasRole("clinic", role as "party"))).toEqual([
    true,
    true,
    false,
  ]);
  expect(federation.hasRole("nobody", "party")).toBe(false);
});

test("layout, spacing and order of keys do not matter, for people edit text", () => {
  const reversed = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(reversed)
      : value !== null && typeof value === "object"
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, field]) => [name, reversed(field)]),
          )
        : value;
  const reordered = JSON.stringify(reversed(JSON.parse(file)), null, 7);
  expect(openFederation(reordered, rootPublicKey).terms).toEqual(terms);
  expect(openFederation(reordered, rootPublicKey).digest).toEqual(openFederation(file, rootPublicKey).digest);
});

interface FileContent {
  founding: Writable<FederationDraft> & { version: number; time: string };
  signature: string;
  changes: { sequence: number; previous: string; time: string; action: Record<string, unknown>; signature: string }[];
  claims: unknown[];
}
const contentOf = (text: string): FileContent => JSON.parse(text) as FileContent;

/** Each field changed to another acceptable value, the signatures as they were. */
const tampering: Readonly<Record<string, (changed: FileContent) => unknown>> = {
  name: ({ founding }) => (founding.name = "Two organisations"),
  time: ({ founding }) => (founding.time = new Date(AT + 1).toISOString()),
  "coordinatorUrls.0": ({ founding }) => (founding.coordinatorUrls[0] = "wss://hub.example:7701"),
  "coordinatorUrls, order": ({ founding }) => founding.coordinatorUrls.reverse(),
  mode: ({ founding }) => (founding.mode = "clear"),
  "encoder.spec": ({ founding }) => (founding.encoder.spec = "lexical:2048"),
  "encoder.fingerprint": ({ founding }) => (founding.encoder.fingerprint = "ac".repeat(32)),
  "scoring.dim": ({ founding }) => founding.scoring.dim++,
  "scoring.chunk": ({ founding }) => (founding.scoring.chunk = 8),
  "scoring.normMax": ({ founding }) => (founding.scoring.normMax = 30.25),
  "scoring.scoreBits": ({ founding }) => founding.scoring.scoreBits++,
  "scoring.seed": ({ founding }) => (founding.scoring.seed = key(8)),
  vertical: ({ founding }) => (founding.vertical = { parties: 2 }),
  "a change's time": ({ changes }) => (changes[0]!.time = new Date(AT + 1).toISOString()),
  "a member's name": ({ changes }) => (changes[0]!.action["name"] = "hub2"),
  "a member's roles": ({ changes }) => (changes[0]!.action["roles"] = ["coordinator", "querier"]),
  "a member's key": ({ changes }) => (changes[1]!.action["publicKey"] = key(9)),
  "order of roles": ({ changes }) => (changes[1]!.action["roles"] = ["querier", "party"]),
  "a change into another": ({ changes }) => (changes[1]!.action = { type: "member-removed", name: "hub" }),
  "changes reordered": ({ changes }) => changes.reverse(),
  "changes reordered and numbered": ({ changes }) =>
    changes.reverse().forEach((change, i) => (change.sequence = i + 1)),
  "the first change left out": ({ changes }) => changes.shift(),
  "a change left out, the rest numbered": ({ changes }) => {
    changes.shift();
    changes[0]!.sequence = 1;
  },
  "a change repeated": ({ changes }) => changes.push(changes[1]!),
  "a change repeated and numbered": ({ changes }) =>
    changes.push({ ...changes[1]!, sequence: 3, previous: changes[1]!.previous }),
  "a change nobody signed": ({ changes }) =>
    changes.push({
      ...changes[1]!,
      sequence: 3,
      action: { type: "member-added", name: "eve", roles: ["querier"], publicKey: key(5) },
    }),
};

type Writable<T> = T extends readonly (infer Entry)[]
  ? Writable<Entry>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Writable<T[Key]> }
    : T;

describe("tampering", () => {
  test.each(Object.entries(tampering))("%s", (_field, change) => {
    const parsed = contentOf(file);
    change(parsed);
    expect(() => openFederation(JSON.stringify(parsed), rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
  });

  test.each(["founding", "change"])("any bit of the signature of a %s", (of) => {
    const parsed = contentOf(file);
    const signed = of === "founding" ? parsed : parsed.changes[1]!;
    const signature = Buffer.from(signed.signature, "base64");
    for (let at = 0; at < 64; at++) {
      signed.signature = toBase64(signature.map((byte, i) => (i === at ? byte ^ 4 : byte)));
      expect(() => openFederation(JSON.stringify(parsed), rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
    }
  });

  test("a change of another federation of the same founder", () => {
    const other = contentOf(signFederation({ ...draft, name: "Another" }, root.privateKey, AT));
    const parsed = { ...contentOf(file), changes: other.changes };
    expect(() => openFederation(JSON.stringify(parsed), rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
  });

  test("a file that somebody else signed, well, for themselves", () => {
    const eve = sodium.crypto_sign_keypair();
    const own = signFederation({ ...draft, rootPublicKey: toBase64(eve.publicKey) }, eve.privateKey);
    expect(() => openFederation(own, rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
    expect(openFederation(own, toBase64(eve.publicKey)).terms.name).toBe(terms.name);
  });

  test("a file that somebody else signed in the root's name", () => {
    const eve = sodium.crypto_sign_keypair();
    expect(() => openFederation(signFederation(draft, eve.privateKey), rootPublicKey)).toThrow(
      code("FEDERATION_TAMPERED"),
    );
  });

  test.each(["", "AAAA", "not base64!", `${rootPublicKey} `])(
    "no file is trusted under a root key that is none: %j",
    (trusted) => {
      expect(() => openFederation(file, trusted)).toThrow(code("FEDERATION_TAMPERED"));
    },
  );
});

const changedText = (change: (parsed: FileContent & { extra?: number }) => unknown): string => {
  const parsed = contentOf(file);
  change(parsed);
  return JSON.stringify(parsed);
};
const changedAction = (change: (action: Record<string, unknown>) => unknown): string =>
  changedText(({ changes }) => change(changes[1]!.action));

const malformed: readonly { id: string; text: string }[] = [
  { id: "nothing", text: "" },
  { id: "not JSON", text: "federation: mine" },
  { id: "cut short", text: file.slice(0, -20) },
  { id: "null", text: "null" },
  { id: "a list", text: "[]" },
  { id: "no signature", text: changedText((f) => delete (f as Partial<FileContent>).signature) },
  { id: "a signature too short", text: changedText((f) => (f.signature = "AAAA")) },
  { id: "a signature that is not base64", text: changedText((f) => (f.signature = "!".repeat(88))) },
  { id: "an unknown field", text: changedText((f) => (f.extra = 1)) },
  { id: "an unknown term", text: changedText((f) => Object.assign(f.founding, { extra: 1 })) },
  { id: "another version", text: changedText((f) => (f.founding.version = 1)) },
  { id: "an unknown mode", text: changedText((f) => Object.assign(f.founding, { mode: "insecure" })) },
  {
    id: "an address that is no WebSocket's",
    text: changedText((f) => (f.founding.coordinatorUrls = ["https://hub.example"])),
  },
  { id: "no coordinator", text: changedText((f) => (f.founding.coordinatorUrls = [])) },
  { id: "one coordinator twice", text: changedText((f) => (f.founding.coordinatorUrls = ["ws://hub", "ws://hub"])) },
  {
    id: "a fingerprint in capitals",
    text: changedText((f) => (f.founding.encoder = { spec: "lexical", fingerprint: "AB".repeat(32) })),
  },
  { id: "a root key too short", text: changedText((f) => (f.founding.rootPublicKey = "AAAA")) },
  { id: "a norm of infinity", text: file.replace("30.5", "1e999") },
  { id: "no changes", text: changedText((f) => delete (f as Partial<FileContent>).changes) },
  { id: "no claims", text: changedText((f) => delete (f as Partial<FileContent>).claims) },
  { id: "a change numbered 0", text: changedText((f) => (f.changes[0]!.sequence = 0)) },
  { id: "a time without a date", text: changedText((f) => (f.changes[0]!.time = "noon")) },
  { id: "a time of another zone", text: changedText((f) => (f.changes[0]!.time = "2026-09-21T12:53:20.000+02:00")) },
  { id: "an unknown action", text: changedAction((action) => (action["type"] = "member-promoted")) },
  { id: "an action with an unknown field", text: changedAction((action) => (action["admin"] = true)) },
  { id: "a member without roles", text: changedAction((action) => (action["roles"] = [])) },
  { id: "a member with an unknown role", text: changedAction((action) => (action["roles"] = ["root"])) },
  { id: "a member with a name of a path", text: changedAction((action) => (action["name"] = "../clinic")) },
  {
    id: "a member's key in another base64",
    text: changedAction((action) => (action["publicKey"] = key(2).replace("=", ""))),
  },
];

test.each(malformed)("not a federation file: $id", ({ text }) => {
  expect(() => openFederation(text, rootPublicKey)).toThrow(code("FEDERATION_MALFORMED"));
});

describe("the founder's changes", () => {
  const after = (...actions: FounderAction[]): Federation => openFederation(changed(file, ...actions), rootPublicKey);
  const bank = { type: "member-added" as const, name: "bank", roles: ["party" as const], publicKey: key(3) };

  test("add, remove and change members, and move the coordinator", () => {
    const federation = after(
      bank,
      { type: "member-removed", name: "hub" },
      { type: "roles-changed", name: "clinic", roles: ["coordinator"] },
      { type: "coordinators-moved", coordinatorUrls: ["ws://127.0.0.1:1"] },
      { type: "member-removed", name: "bank" },
      { ...bank, publicKey: key(4) },
    );
    expect(federation.terms).toEqual({
      ...terms,
      revision: 9,
      coordinatorUrls: ["ws://127.0.0.1:1"],
      members: [
        { name: "clinic", roles: ["coordinator"], publicKey: key(2) },
        { name: "bank", roles: ["party"], publicKey: key(4) },
      ],
    });
  });

  test.each<[string, FounderAction[]]>([
    ["adds a member twice", [bank, bank]],
    ["adds a member by another key", [{ ...bank, name: "hub" }]],
    ["removes a stranger", [{ type: "member-removed", name: "bank" }]],
    [
      "removes a member twice",
      [
        { type: "member-removed", name: "hub" },
        { type: "member-removed", name: "hub" },
      ],
    ],
    ["changes the roles of a stranger", [{ type: "roles-changed", name: "bank", roles: ["party"] }]],
    ["invites a member", [{ ...bank, type: "invitation-made", name: "hub", expires: new Date(AT).toISOString() }]],
    ["withdraws an invitation from a member", [{ type: "invitation-withdrawn", name: "hub" }]],
  ])("do not fit: %s", (_, actions) => {
    expect(() => after(...actions)).toThrow(code("FEDERATION_MALFORMED"));
  });

  test("are bounded in number and size", () => {
    const log = readFederation(file, rootPublicKey);
    const toggled = Array.from({ length: limits.federationChangesMax - 2 }, (_, i): FounderAction => {
      return { type: "roles-changed", name: "clinic", roles: i % 2 ? ["party"] : ["querier"] };
    });
    const full = withChanges(log, toggled, root.privateKey, AT);
    expect(writeFederation(full).length).toBeLessThan(limits.federationFileMax);
    const one = (action: FounderAction) => () => withChanges(full, [action], root.privateKey, AT);
    expect(one(bank)).toThrow(code("LIMIT_EXCEEDED"));
  });
});

describe("a vertical federation", () => {
  const party = (name: string, byte: number): FederationMember => ({ name, roles: ["party"], publicKey: key(byte) });
  const withParties = (names: readonly string[], changes: Partial<FederationDraft> = {}): FederationDraft => ({
    ...draft,
    vertical: { parties: 2 },
    members: names.map((name, i) => party(name, 10 + i)),
    ...changes,
  });
  const open = (of: FederationDraft): Federation => openFederation(signFederation(of, root.privateKey), rootPublicKey);

  test("names its parties in order once all are members", () => {
    expect(verticalParties(open(withParties(["ward", "lab"])))).toEqual(["lab", "ward"]);
    expect(() => verticalParties(open(withParties(["lab"])))).toThrow(code("VERTICAL_INCOMPLETE"));
    expect(() => verticalParties(open(draft))).toThrow(TypeError);
  });

  test.each([
    { id: "more parties than it adds", of: withParties(["a", "b", "c"]) },
    { id: "clear mode", of: withParties([], { mode: "clear" }) },
    { id: "one party", of: withParties(["a"], { vertical: { parties: 1 } }) },
    { id: "too many", of: withParties(["a"], { vertical: { parties: limits.verticalPartiesMax + 1 } }) },
  ])("is not signed with $id", ({ of }) => {
    expect(() => signFederation(of, root.privateKey)).toThrow(code("FEDERATION_MALFORMED"));
  });

  test("whose parties change is not taken up by a process that runs", () => {
    const text = signFederation(withParties(["a", "b"]), root.privateKey, AT);
    const federation = openFederation(text, rootPublicKey);
    const clerk = { type: "member-added" as const, name: "clerk", roles: ["querier" as const], publicKey: key(4) };
    const withClerk = changed(text, clerk);
    expect(federation.update(withClerk)).toBe(true);
    expect(() => federation.update(changed(withClerk, { type: "member-removed", name: "a" }))).toThrow(
      code("FEDERATION_REFOUNDED"),
    );
  });
});

test("terms that could not be read again are not signed", () => {
  expect(() => signFederation({ ...draft, members: [...members, members[1]!] }, root.privateKey)).toThrow(
    code("FEDERATION_MALFORMED"),
  );
  expect(() =>
    signFederation({ ...draft, scoring: { ...draft.scoring, normMax: Number.NaN } }, root.privateKey),
  ).toThrow(code("FEDERATION_MALFORMED"));
});

describe("a newer file in a process that runs", () => {
  const added = { type: "member-added" as const, name: "bank", roles: ["party" as const], publicKey: key(3) };

  test("changes who is a member, and tells whom it concerns", () => {
    const federation = openFederation(file, rootPublicKey);
    const heard: string[][] = [];
    const stop = federation.onChange((names) => heard.push([...names].sort()));
    const next = changed(file, { type: "roles-changed", name: "clinic", roles: ["querier"] }, added);
    expect(federation.update(next)).toBe(true);
    expect([federation.file, federation.terms.revision]).toEqual([next, 5]);
    expect(federation.hasRole("clinic", "party")).toBe(false);
    expect(federation.publicKeyOf("bank")).toEqual(new Uint8Array(32).fill(3));
    stop();
    expect(federation.update(changed(next, { type: "member-removed", name: "clinic" }))).toBe(true);
    expect(federation.publicKeyOf("clinic")).toBeNull();
    expect(heard).toEqual([["bank", "clinic"]]);
  });

  test("that is older, or the same, changes nothing", () => {
    const newest = changed(file, added);
    const federation = openFederation(newest, rootPublicKey);
    federation.onChange(() => {
      throw new Error("nothing changed");
    });
    for (const text of [file, newest, JSON.stringify(JSON.parse(newest), null, 7)])
      expect(federation.update(text)).toBe(false);
    expect(federation.terms.revision).toBe(4);
  });

  test.each<[string, string, string]>([
    ["another change in the place of one", "FEDERATION_FORKED", changed(file, { ...added, name: "bank2" })],
    [
      "another log that is longer",
      "FEDERATION_FORKED",
      changed(file, { type: "member-removed", name: "hub" }, { type: "member-removed", name: "clinic" }),
    ],
    ["another mode", "FEDERATION_REFOUNDED", signFederation({ ...draft, mode: "clear" }, root.privateKey, AT)],
    ["the same, founded again", "FEDERATION_REFOUNDED", signFederation(draft, root.privateKey, AT + 1)],
  ])("is not taken up: %s", (_, fault, text) => {
    const held = changed(file, added);
    const federation = openFederation(held, rootPublicKey);
    expect(() => federation.update(text)).toThrow(code(fault));
    expect(federation.file).toBe(held);
  });

  test("of another root key is refused", () => {
    const eve = sodium.crypto_sign_keypair();
    const federation = openFederation(file, rootPublicKey);
    expect(() => federation.update(signFederation(draft, eve.privateKey))).toThrow(code("FEDERATION_TAMPERED"));
  });
});
