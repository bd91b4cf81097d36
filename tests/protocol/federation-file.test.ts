import { describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import {
  type Federation,
  type FederationMember,
  type FederationTerms,
  limits,
  openFederation,
  signFederation,
  toBase64,
  verticalParties,
} from "../../protocol/index.ts";

const root = sodium.crypto_sign_keypair();
const rootPublicKey = toBase64(root.publicKey);
const key = (byte: number): string => toBase64(new Uint8Array(32).fill(byte));

const terms: FederationTerms = {
  version: 2,
  name: "Three organisations",
  revision: 3,
  rootPublicKey,
  coordinatorUrls: ["wss://hub.example:7700", "wss://standby.example:7700"],
  mode: "private",
  encoder: { spec: "lexical", fingerprint: "ab".repeat(32) },
  scoring: { dim: 1024, chunk: 16, normMax: 30.5, scoreBits: 14, seed: key(7) },
  members: [
    { name: "hub", roles: ["coordinator"], publicKey: key(1) },
    { name: "clinic", roles: ["party", "querier"], publicKey: key(2) },
  ],
};
const file = signFederation(terms, root.privateKey);
const code = (expected: string) => expect.objectContaining({ code: expected });

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
  const parsed = JSON.parse(file) as { terms: object; signature: string };
  const reordered = { signature: parsed.signature, terms: Object.fromEntries(Object.entries(parsed.terms).reverse()) };
  expect(openFederation(JSON.stringify(reordered), rootPublicKey).terms).toEqual(terms);
});

/** Each field changed to another acceptable value, the signature as it was. */
const tampered: Readonly<Record<string, (changed: Writable<FederationTerms>) => unknown>> = {
  name: (t) => (t.name = "Two organisations"),
  revision: (t) => t.revision++,
  "coordinatorUrls.0": (t) => (t.coordinatorUrls[0] = "wss://hub.example:7701"),
  "coordinatorUrls, order": (t) => t.coordinatorUrls.reverse(),
  mode: (t) => (t.mode = "clear"),
  "encoder.spec": (t) => (t.encoder.spec = "lexical:2048"),
  "encoder.fingerprint": (t) => (t.encoder.fingerprint = "ac".repeat(32)),
  "scoring.dim": (t) => t.scoring.dim++,
  "scoring.chunk": (t) => (t.scoring.chunk = 8),
  "scoring.normMax": (t) => (t.scoring.normMax = 30.25),
  "scoring.scoreBits": (t) => t.scoring.scoreBits++,
  "scoring.seed": (t) => (t.scoring.seed = key(8)),
  "members.0.name": (t) => (t.members[0]!.name = "hub2"),
  "members.0.roles": (t) => t.members[0]!.roles.push("querier"),
  "members.1.roles, order": (t) => t.members[1]!.roles.reverse(),
  "members.1.publicKey": (t) => (t.members[1]!.publicKey = key(9)),
  "members, one more": (t) => t.members.push({ name: "eve", roles: ["querier"], publicKey: key(5) }),
  "members, one less": (t) => t.members.pop(),
  "members, order": (t) => t.members.reverse(),
};

type Writable<T> = T extends (infer Entry)[]
  ? Writable<Entry>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Writable<T[Key]> }
    : T;

describe("tampering", () => {
  test.each(Object.entries(tampered))("%s", (_field, change) => {
    const parsed = JSON.parse(file) as { terms: Writable<FederationTerms>; signature: string };
    change(parsed.terms);
    expect(() => openFederation(JSON.stringify(parsed), rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
  });

  test("any bit of the signature", () => {
    const parsed = JSON.parse(file) as { signature: string };
    const signature = Buffer.from(parsed.signature, "base64");
    for (let at = 0; at < 64; at++) {
      const changed = toBase64(signature.map((byte, i) => (i === at ? byte ^ 4 : byte)));
      expect(() => openFederation(JSON.stringify({ ...parsed, signature: changed }), rootPublicKey)).toThrow(
        code("FEDERATION_TAMPERED"),
      );
    }
  });

  test("a file that somebody else signed, well, for themselves", () => {
    const eve = sodium.crypto_sign_keypair();
    const own = signFederation({ ...terms, rootPublicKey: toBase64(eve.publicKey) }, eve.privateKey);
    expect(() => openFederation(own, rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
    expect(openFederation(own, toBase64(eve.publicKey)).terms.name).toBe(terms.name);
  });

  test("a file that somebody else signed in the root's name", () => {
    const eve = sodium.crypto_sign_keypair();
    expect(() => openFederation(signFederation(terms, eve.privateKey), rootPublicKey)).toThrow(
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

const changedText = (
  change: (parsed: { terms: Record<string, unknown>; signature: unknown; extra?: unknown }) => void,
): string => {
  const parsed = JSON.parse(file) as Parameters<typeof change>[0];
  change(parsed);
  return JSON.stringify(parsed);
};
const member = { name: "clinic", roles: ["party"], publicKey: key(2) };

const malformed: readonly { id: string; text: string }[] = [
  { id: "nothing", text: "" },
  { id: "not JSON", text: "federation: mine" },
  { id: "cut short", text: file.slice(0, -20) },
  { id: "null", text: "null" },
  { id: "a list", text: "[]" },
  { id: "no signature", text: changedText((f) => delete f.signature) },
  { id: "a signature too short", text: changedText((f) => (f.signature = "AAAA")) },
  { id: "a signature that is not base64", text: changedText((f) => (f.signature = "!".repeat(88))) },
  { id: "an unknown field", text: changedText((f) => (f.extra = 1)) },
  { id: "an unknown term", text: changedText((f) => (f.terms.extra = 1)) },
  { id: "another version", text: changedText((f) => (f.terms.version = 1)) },
  { id: "a revision of 0", text: changedText((f) => (f.terms.revision = 0)) },
  { id: "an unknown mode", text: changedText((f) => (f.terms.mode = "insecure")) },
  {
    id: "an address that is no WebSocket's",
    text: changedText((f) => (f.terms.coordinatorUrls = ["https://hub.example"])),
  },
  { id: "no coordinator", text: changedText((f) => (f.terms.coordinatorUrls = [])) },
  { id: "one coordinator twice", text: changedText((f) => (f.terms.coordinatorUrls = ["ws://hub", "ws://hub"])) },
  {
    id: "a fingerprint in capitals",
    text: changedText((f) => (f.terms.encoder = { spec: "lexical", fingerprint: "AB".repeat(32) })),
  },
  { id: "a root key too short", text: changedText((f) => (f.terms.rootPublicKey = "AAAA")) },
  { id: "no members", text: changedText((f) => delete f.terms.members) },
  { id: "a member named twice", text: changedText((f) => (f.terms.members = [member, member])) },
  {
    id: "a member named twice, with other keys",
    text: changedText((f) => (f.terms.members = [member, { ...member, publicKey: key(3) }])),
  },
  { id: "a member without roles", text: changedText((f) => (f.terms.members = [{ ...member, roles: [] }])) },
  {
    id: "a member with an unknown role",
    text: changedText((f) => (f.terms.members = [{ ...member, roles: ["root"] }])),
  },
  {
    id: "a member with a name of a path",
    text: changedText((f) => (f.terms.members = [{ ...member, name: "../clinic" }])),
  },
  {
    id: "a member's key in another base64",
    text: changedText((f) => (f.terms.members = [{ ...member, publicKey: key(2).replace("=", "") }])),
  },
  { id: "a member with an unknown field", text: changedText((f) => (f.terms.members = [{ ...member, admin: true }])) },
  { id: "a norm of infinity", text: file.replace("30.5", "1e999") },
];

test.each(malformed)("not a federation file: $id", ({ text }) => {
  expect(() => openFederation(text, rootPublicKey)).toThrow(code("FEDERATION_MALFORMED"));
});

describe("a vertical federation", () => {
  const party = (name: string, byte: number): FederationTerms["members"][number] => ({
    name,
    roles: ["party"],
    publicKey: key(byte),
  });
  const withParties = (names: readonly string[], changes: Partial<FederationTerms> = {}): FederationTerms => ({
    ...terms,
    vertical: { parties: 2 },
    members: names.map((name, i) => party(name, 10 + i)),
    ...changes,
  });
  const open = (of: FederationTerms): Federation => openFederation(signFederation(of, root.privateKey), rootPublicKey);

  test("names its parties in order once all are members", () => {
    expect(verticalParties(open(withParties(["ward", "lab"])))).toEqual(["lab", "ward"]);
    expect(() => verticalParties(open(withParties(["lab"])))).toThrow(code("VERTICAL_INCOMPLETE"));
    expect(() => verticalParties(open(terms))).toThrow(TypeError);
  });

  test.each([
    { id: "more parties than it adds", of: withParties(["a", "b", "c"]) },
    { id: "clear mode", of: withParties(["a", "b"], { mode: "clear" }) },
    { id: "one party", of: withParties(["a"], { vertical: { parties: 1 } }) },
    { id: "too many", of: withParties(["a"], { vertical: { parties: limits.verticalPartiesMax + 1 } }) },
  ])("is not signed with $id", ({ of }) => {
    expect(() => signFederation(of, root.privateKey)).toThrow(code("FEDERATION_MALFORMED"));
  });

  test("cannot be made of another, nor another of it", () => {
    const parsed = JSON.parse(file) as { terms: Record<string, unknown>; signature: string };
    parsed.terms["vertical"] = { parties: 2 };
    expect(() => openFederation(JSON.stringify(parsed), rootPublicKey)).toThrow(code("FEDERATION_TAMPERED"));
  });
});

test("terms that could not be read again are not signed", () => {
  expect(() => signFederation({ ...terms, members: [...terms.members, terms.members[1]!] }, root.privateKey)).toThrow(
    code("FEDERATION_MALFORMED"),
  );
  expect(() =>
    signFederation({ ...terms, scoring: { ...terms.scoring, normMax: Number.NaN } }, root.privateKey),
  ).toThrow(code("FEDERATION_MALFORMED"));
});

describe("a newer file in a process that runs", () => {
  const signed = (of: Partial<FederationTerms>): string => signFederation({ ...terms, ...of }, root.privateKey);
  const newer = { revision: 4 };
  const [hub, clinic] = terms.members as [FederationMember, FederationMember];

  test("changes who is a member, and tells whom it concerns", () => {
    const federation = openFederation(file, rootPublicKey);
    const heard: string[][] = [];
    const stop = federation.onChange((changed) => heard.push([...changed].sort()));
    const bank = { name: "bank", roles: ["party" as const], publicKey: key(3) };
    const next = signed({ ...newer, members: [hub, { ...clinic, roles: ["querier"] }, bank] });
    expect(federation.update(next)).toBe(true);
    expect([federation.file, federation.terms.revision]).toEqual([next, 4]);
    expect(federation.hasRole("clinic", "party")).toBe(false);
    expect(federation.publicKeyOf("bank")).toEqual(new Uint8Array(32).fill(3));
    stop();
    expect(federation.update(signed({ revision: 9, members: [hub] }))).toBe(true);
    expect(federation.publicKeyOf("clinic")).toBeNull();
    expect(heard).toEqual([["bank", "clinic"]]);
  });

  test("that is older, or the same, changes nothing", () => {
    const federation = openFederation(file, rootPublicKey);
    federation.onChange(() => {
      throw new Error("nothing changed");
    });
    expect(federation.update(signed({ revision: 2, members: [hub] }))).toBe(false);
    expect(federation.update(file)).toBe(false);
    expect(federation.update(JSON.stringify(JSON.parse(file), null, 7))).toBe(false);
    expect(federation.terms).toEqual(terms);
  });

  test.each<[string, string, Partial<FederationTerms>]>([
    ["another one of the same revision", "FEDERATION_FORKED", { members: [hub] }],
    ["another mode", "FEDERATION_REFOUNDED", { ...newer, mode: "clear" }],
    ["another scoring", "FEDERATION_REFOUNDED", { ...newer, scoring: { ...terms.scoring, scoreBits: 12 } }],
    [
      "another encoder",
      "FEDERATION_REFOUNDED",
      { ...newer, encoder: { ...terms.encoder, fingerprint: "cd".repeat(32) } },
    ],
  ])("is not taken up: %s", (_, fault, of) => {
    const federation = openFederation(file, rootPublicKey);
    expect(() => federation.update(signed(of))).toThrow(code(fault));
    expect(federation.terms).toEqual(terms);
  });

  test("does not change the parties of a vertical federation, whose masks depend on each other", () => {
    const vertical = { vertical: { parties: 2 } };
    const federation = openFederation(signed(vertical), rootPublicKey);
    const bank = { name: "bank", roles: ["party" as const], publicKey: key(3) };
    const clerk = { name: "clerk", roles: ["querier" as const], publicKey: key(4) };
    expect(federation.update(signed({ ...vertical, ...newer, members: [...terms.members, clerk] }))).toBe(true);
    expect(() => federation.update(signed({ ...vertical, revision: 5, members: [...terms.members, bank] }))).toThrow(
      code("FEDERATION_REFOUNDED"),
    );
  });

  test("of another root key is refused", () => {
    const eve = sodium.crypto_sign_keypair();
    const federation = openFederation(file, rootPublicKey);
    expect(() => federation.update(signFederation({ ...terms, ...newer }, eve.privateKey))).toThrow(
      code("FEDERATION_TAMPERED"),
    );
  });
});
