import { describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import {
  type Claim,
  type FederationLog,
  type FounderAction,
  encodeValue,
  hashOf,
  limits,
  mergeLogs,
  openFederation,
  readFederation,
  signClaim,
  signFederation,
  toBase64,
  withChanges,
  withClaim,
  writeFederation,
} from "../../protocol/index.ts";

/*
 * What members enter into a federation's log themselves, and what becomes of it when logs meet.
 */

const keys = new Map<string, Uint8Array>();
/** The secret key of this name. */
function secret(name: string): Uint8Array {
  let key = keys.get(name);
  if (!key) keys.set(name, (key = sodium.crypto_sign_keypair().privateKey));
  return key;
}
const keyOf = (name: string): string => toBase64(secret(name).subarray(32));

const AT = Date.parse("2026-11-01T12:00:00.000Z");
const HOUR = 3_600_000;
const time = (hours: number): string => new Date(AT + hours * HOUR).toISOString();
const rootPublicKey = keyOf("root");
const founded = readFederation(
  signFederation(
    {
      name: "a log of tests",
      rootPublicKey,
      coordinatorUrls: ["ws://127.0.0.1:1"],
      mode: "private",
      encoder: { spec: "lexical", fingerprint: "ab".repeat(32) },
      scoring: { dim: 64, chunk: 16, normMax: 1, scoreBits: 14, seed: toBase64(new Uint8Array(32)) },
      members: [
        { name: "hub", roles: ["coordinator"], publicKey: keyOf("hub") },
        { name: "clinic", roles: ["party"], publicKey: keyOf("clinic") },
      ],
    },
    secret("root"),
    AT,
  ),
  rootPublicKey,
);
const changed = (log: FederationLog, ...actions: FounderAction[]): FederationLog =>
  withChanges(log, actions, secret("root"), AT);
const invitation = (name = "bank", by = "invitation"): FounderAction => ({
  type: "invitation-made",
  name,
  roles: ["party", "querier"],
  publicKey: keyOf(by),
  expires: time(24),
});
const invited = changed(founded, invitation());

interface Signing {
  readonly name?: string;
  readonly type?: Claim["action"]["type"];
  readonly previous?: string;
  readonly by?: string;
  readonly own?: string;
  readonly hours?: number;
}
/** A claim that somebody was invited, by default the bank by its invitation. */
function joined(
  log: FederationLog,
  { name = "bank", by = "invitation", own = "bank", hours = 1, ...more }: Signing = {},
) {
  const previous = more.previous ?? log.state.invitations.get(name)?.hash ?? "";
  const content = { previous, name, type: more.type ?? ("joined" as const) };
  return signClaim(content, { entitled: secret(by), own: secret(own) }, idOf(log), AT + hours * HOUR);
}
/** A claim that a member has another key. */
function rekeyed(
  log: FederationLog,
  name: string,
  from: string,
  to: string,
  previous = log.state.keyEntries.get(name)!,
) {
  const keys = { entitled: secret(from), own: secret(to) };
  return signClaim({ previous, name, type: "key-replaced" }, keys, idOf(log), AT + 2 * HOUR);
}
const idOf = ({ founding }: FederationLog): Uint8Array =>
  sodium.crypto_generichash(32, Buffer.from(founding.rootPublicKey, "base64"), null);

const code = (expected: string) => expect.objectContaining({ code: expected });
const memberOf = ({ state }: FederationLog, name: string) => state.terms.members.find((member) => member.name === name);
/** What a member who gets the log as a file makes of it. */
const sent = (log: FederationLog): FederationLog => readFederation(writeFederation(log), rootPublicKey);
/** A file with a claim as somebody would send it who checks nothing. */
const forged = (log: FederationLog, ...claims: readonly object[]): string =>
  writeFederation({ ...log, claims: [...log.claims, ...(claims as Claim[])] });
const read = (text: string) => () => readFederation(text, rootPublicKey);
/** Every member refuses it: from a stranger's file, and as an entry of its own. */
function expectRefused(log: FederationLog, claim: Claim, fault: string): void {
  expect(read(forged(log, claim))).toThrow(code(fault));
  expect(() => withClaim(log, claim)).toThrow(code(fault));
  const holder = openFederation(writeFederation(log), rootPublicKey);
  expect(() => holder.update(forged(log, claim))).toThrow(code(fault));
}

describe("an invitation", () => {
  test("makes nobody a member until somebody joins by it, with the roles that it names", () => {
    expect(memberOf(invited, "bank")).toBeUndefined();
    expect(invited.state.invitations.get("bank")).toMatchObject({ roles: ["party", "querier"], expires: time(24) });
    const log = sent(withClaim(invited, joined(invited)));
    expect(memberOf(log, "bank")).toEqual({ name: "bank", roles: ["party", "querier"], publicKey: keyOf("bank") });
    expect(log.state.invitations.size).toBe(0);
    expect(log.state.terms.revision).toBe(invited.state.terms.revision + 1);
  });

  test.each<[string, Signing, string]>([
    ["without its secret", { by: "eve" }, "FEDERATION_TAMPERED"],
    ["without the secret, by the coordinator", { by: "hub" }, "FEDERATION_TAMPERED"],
    ["by another member's name", { name: "clinic", previous: "invitation" }, "FEDERATION_TAMPERED"],
    ["later than allowed", { hours: 24.01 }, "INVITATION_EXPIRED"],
    ["with its own key as the member's", { own: "invitation" }, "FEDERATION_TAMPERED"],
    ["on an entry that is none", { previous: toBase64(new Uint8Array(32)) }, "FEDERATION_TAMPERED"],
    ["as if it were a member's key", { type: "key-replaced" }, "FEDERATION_TAMPERED"],
  ])("is not used %s", (_, { previous, ...signing }, fault) => {
    const hash = invited.state.invitations.get("bank")!.hash;
    expectRefused(
      invited,
      joined(invited, { previous: previous === "invitation" || !previous ? hash : previous, ...signing }),
      fault,
    );
  });

  test("is not used by who cannot show the new key", () => {
    const claim = joined(invited);
    expectRefused(invited, { ...claim, own: joined(invited, { own: "eve" }).own }, "FEDERATION_TAMPERED");
  });

  test.each(["publicKey", "name"])("covers the member's %s", (field) => {
    const claim = joined(invited);
    const value = field === "name" ? "clinic" : keyOf("eve");
    expectRefused(invited, { ...claim, action: { ...claim.action, [field]: value } }, "FEDERATION_TAMPERED");
  });

  test("gives no other roles than its own", () => {
    const claim = joined(invited);
    const more = { ...claim, action: { ...claim.action, roles: ["coordinator"] } };
    expect(read(forged(invited, more))).toThrow(code("FEDERATION_MALFORMED"));
  });

  test("lets nobody in whose time has passed by the clock of who lets them in, whatever they say", () => {
    const federation = openFederation(writeFederation(invited), rootPublicKey);
    const claim = encodeValue(joined(invited));
    expect(() => federation.admit(claim, AT + 24 * HOUR + 1)).toThrow(code("INVITATION_EXPIRED"));
    expect(federation.invitationKeyOf("bank", AT + 24 * HOUR + 1)).toBeNull();
    expect(federation.admit(claim, AT + 24 * HOUR)).toBe("bank");
    expect(() => federation.admit(claim, AT)).toThrow(code("INVITATION_UNKNOWN"));
  });

  test("is used once", () => {
    const log = withClaim(invited, joined(invited));
    expectRefused(log, joined(invited, { own: "eve" }), "INVITATION_USED");
    expectRefused(log, joined(invited), "INVITATION_USED");
  });

  test("of another federation of the same founder is none here", () => {
    const elsewhere = changed(changed(founded, invitation("lab", "other")), invitation());
    expectRefused(invited, joined(elsewhere), "FEDERATION_TAMPERED");
  });

  test("is over once the founder has withdrawn it, whoever has joined by it", () => {
    const withdrawn = changed(invited, { type: "invitation-withdrawn", name: "bank" });
    const late = withClaim(withdrawn, joined(invited));
    const raced = mergeLogs(withClaim(invited, joined(invited)), withdrawn);
    for (const log of [late, raced]) expect(memberOf(sent(log), "bank")).toBeUndefined();
    const renewed = changed(raced, invitation("bank", "another"));
    const again = withClaim(renewed, joined(renewed, { by: "another" }));
    expect(memberOf(sent(again), "bank")).toBeDefined();
  });

  test("follows what the founder says of the name afterwards, whether it knows who joined or not", () => {
    const roles = changed(invited, { type: "roles-changed", name: "bank", roles: ["querier"] });
    expect(memberOf(mergeLogs(withClaim(invited, joined(invited)), roles), "bank")?.roles).toEqual(["querier"]);
    const removed = changed(roles, { type: "member-removed", name: "bank" });
    expect(memberOf(mergeLogs(withClaim(invited, joined(invited)), removed), "bank")).toBeUndefined();
  });
});

describe("a replaced key", () => {
  test("is the member's from then on, again and again, however it became a member", () => {
    let log = withClaim(founded, rekeyed(founded, "clinic", "clinic", "clinic 2"));
    log = withClaim(log, rekeyed(log, "clinic", "clinic 2", "clinic 3"));
    expect(memberOf(sent(log), "clinic")).toEqual({ name: "clinic", roles: ["party"], publicKey: keyOf("clinic 3") });
    expect(sent(log).state.claims.get("clinic")).toHaveLength(2);
    let bank = withClaim(invited, joined(invited));
    bank = withClaim(bank, rekeyed(bank, "bank", "bank", "bank 2"));
    expect(memberOf(sent(bank), "bank")?.publicKey).toBe(keyOf("bank 2"));
  });

  test.each<[string, Claim, string]>([
    ["without the key before", rekeyed(founded, "clinic", "eve", "clinic 2"), "FEDERATION_TAMPERED"],
    ["by another member", rekeyed(founded, "clinic", "hub", "clinic 2"), "FEDERATION_TAMPERED"],
    ["by itself", rekeyed(founded, "clinic", "clinic", "clinic"), "FEDERATION_TAMPERED"],
    [
      "of another member",
      rekeyed(founded, "hub", "clinic", "clinic 2", founded.state.keyEntries.get("clinic")),
      "FEDERATION_TAMPERED",
    ],
    [
      "as if it had been invited",
      {
        ...rekeyed(founded, "clinic", "clinic", "clinic 2"),
        action: { type: "joined", name: "clinic", publicKey: keyOf("clinic 2") },
      },
      "FEDERATION_TAMPERED",
    ],
  ])("is not replaced %s", (_, claim, fault) => {
    expectRefused(founded, claim, fault);
  });

  test("is replaced once, and a claim cannot be repeated later", () => {
    const first = rekeyed(founded, "clinic", "clinic", "clinic 2");
    const log = withClaim(founded, first);
    expectRefused(log, rekeyed(founded, "clinic", "clinic", "eve"), "INVITATION_USED");
    expectRefused(withClaim(log, rekeyed(log, "clinic", "clinic 2", "clinic 3")), first, "INVITATION_USED");
  });

  test("counts no more when the founder has removed the member, also if it is added again with the key before", () => {
    const log = withClaim(founded, rekeyed(founded, "clinic", "clinic", "clinic 2"));
    const removed = changed(log, { type: "member-removed", name: "clinic" });
    expect(memberOf(sent(removed), "clinic")).toBeUndefined();
    const added = changed(removed, {
      type: "member-added",
      name: "clinic",
      roles: ["party"],
      publicKey: keyOf("clinic"),
    });
    expect(memberOf(sent(added), "clinic")?.publicKey).toBe(keyOf("clinic"));
  });

  test("can be replaced so often only, so that no member fills the log", () => {
    let log = founded;
    const own = (i: number): string => (i === 0 ? "clinic" : `clinic ${String(i + 10)}`);
    for (let i = 0; i < limits.keyReplacementsMax; i++)
      log = withClaim(log, rekeyed(log, "clinic", own(i), own(i + 1)));
    expectRefused(log, rekeyed(log, "clinic", own(limits.keyReplacementsMax), "last"), "LIMIT_EXCEEDED");
  });
});

describe("logs that grew apart", () => {
  const both = changed(invited, invitation("lab", "lab's"));
  const bank = withClaim(both, joined(both));
  const lab = withClaim(both, joined(both, { name: "lab", by: "lab's", own: "lab", hours: 0.5 }));

  test("have all entries in the end, in one order, whoever asks whom", () => {
    const [one, other] = [mergeLogs(bank, lab), mergeLogs(lab, bank)];
    expect(writeFederation(one)).toBe(writeFederation(other));
    expect(one.state.terms.members.map(({ name }) => name)).toEqual(["hub", "clinic", "bank", "lab"]);
    const grown = changed(both, { type: "member-removed", name: "lab" });
    expect(mergeLogs(bank, grown).state.terms.members.map(({ name }) => name)).toEqual(["hub", "clinic", "bank"]);
  });

  test("keep who came first, each of them: a stolen invitation or key puts nobody in the place of who used it", () => {
    const stolen = withClaim(both, joined(both, { own: "eve", hours: 0 }));
    const further = withClaim(stolen, rekeyed(stolen, "bank", "eve", "eve 2"));
    const federation = openFederation(writeFederation(bank), rootPublicKey);
    expect(federation.update(writeFederation(further))).toBe(false);
    expect(federation.publicKeyOf("bank")).toEqual(secret("bank").slice(32));
    expect(federation.update(writeFederation(mergeLogs(further, lab)))).toBe(true);
    expect(federation.terms.members.map(({ name }) => name)).toEqual(["hub", "clinic", "bank", "lab"]);
    expect(federation.publicKeyOf("bank")).toEqual(secret("bank").slice(32));
  });

  test("of which the founder has signed two are told apart, and nothing is taken up", () => {
    const other = changed(founded, { type: "member-removed", name: "clinic" });
    expect(() => mergeLogs(bank, other)).toThrow(code("FEDERATION_FORKED"));
  });

  test("are not written by their order in the file", () => {
    const log = mergeLogs(bank, lab);
    const reversed = writeFederation({ ...log, claims: log.claims.toReversed() });
    expect(writeFederation(readFederation(reversed, rootPublicKey))).toBe(writeFederation(log));
    expect(hashOf(log.claims[0]!)).not.toBe(hashOf(log.claims[1]!));
  });
});
