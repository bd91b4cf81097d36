import {
  type FederationDraft,
  type FounderAction,
  INVITATION_PREFIX,
  openFederation,
  readFederation,
  readInvitation,
  signClaim,
  signFederation,
  toBase64,
  withChanges,
  withClaim,
  writeFederation,
  writeInvitation,
} from "../../../protocol/index.ts";
import { Defect, type FuzzTarget, bytesOf, text } from "../target.ts";
import { federation, federationText, fixed, identity, rootPublicKey, rootSecretKey, terms } from "../world.ts";

const AT = 1_790_000_000_000;
const invitation = identity("an invitation").secretKey;
const invite = {
  type: "invitation-made" as const,
  name: "bank",
  roles: ["party" as const],
  publicKey: toBase64(invitation.subarray(32)),
  expires: new Date(AT + 1000).toISOString(),
};
const invited = withChanges(readFederation(federationText, rootPublicKey), [invite], rootSecretKey, AT);
const { hash } = invited.state.invitations.get("bank")!;
const joined = { previous: hash, name: "bank", type: "joined" as const };
const keys = { entitled: invitation, own: identity("bank").secretKey };
const full = withClaim(invited, signClaim(joined, keys, federation.id, AT));

const faults = [
  "FEDERATION_MALFORMED",
  "FEDERATION_TAMPERED",
  "INVITATION_EXPIRED",
  "INVITATION_USED",
  "LIMIT_EXCEEDED",
];
const actions: FounderAction[] = [
  invite,
  { type: "invitation-withdrawn", name: "bank" },
  { type: "roles-changed", name: "beta", roles: ["querier"] },
  { type: "member-removed", name: "beta" },
  { type: "member-added", name: "bank", roles: ["party"], publicKey: toBase64(invitation.subarray(32)) },
  { type: "coordinators-moved", coordinatorUrls: ["ws://127.0.0.1:1"] },
];

const word = writeInvitation(invited.state, { name: "bank", expires: invite.expires }, fixed("invitation"));

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

function parsed(input: Uint8Array): unknown {
  try {
    return JSON.parse(text(input));
  } catch {
    return null;
  }
}

/** What the founder signs is whatever the fuzzer wants. */
function foundedAsSaid(input: Uint8Array): void {
  const said = parsed(input);
  // A founder's program makes lists of records.
  if (!isRecord(said) || !isRecord(said["draft"])) return;
  const { members } = said["draft"];
  const { changes } = said;
  if (![members, changes].every((list) => Array.isArray(list) && list.every(isRecord))) return;
  const empty = readFederation(
    signFederation(said["draft"] as unknown as FederationDraft, rootSecretKey, AT),
    rootPublicKey,
  );
  const file = writeFederation(withChanges(empty, changes as FounderAction[], rootSecretKey, AT));
  if (openFederation(file, rootPublicKey).file !== file) throw new Defect("a file is not what was read of it");
}

export const federationTargets: readonly FuzzTarget[] = [
  {
    name: "federation-file",
    form: "json",
    seeds: () => [bytesOf(federationText), bytesOf(writeFederation(full))],
    faults,
    run: (input) => openFederation(text(input), rootPublicKey),
  },
  {
    name: "federation-file-inside",
    form: "json",
    seeds: () =>
      [
        { draft: terms, changes: actions },
        { draft: { ...terms, vertical: { parties: 3 } }, changes: [] },
      ].map((input) => bytesOf(JSON.stringify(input))),
    faults,
    run: foundedAsSaid,
  },
  {
    name: "federation-invitation",
    form: "text",
    seeds: () => [bytesOf(word)],
    faults: ["INVITATION_MALFORMED"],
    run: (input) => readInvitation(text(input)),
  },
  {
    name: "federation-invitation-inside",
    form: "cbor",
    seeds: () => [Buffer.from(word.slice(INVITATION_PREFIX.length), "base64url")],
    faults: ["INVITATION_MALFORMED"],
    run: (input) => readInvitation(INVITATION_PREFIX + Buffer.from(input).toString("base64url")),
  },
  {
    name: "federation-claim-inside",
    form: "json",
    seeds: () => [
      bytesOf(JSON.stringify([joined])),
      bytesOf(JSON.stringify([joined, { ...joined, type: "key-replaced" }])),
    ],
    faults,
    run: (input) => {
      const said: unknown = parsed(input);
      if (!Array.isArray(said) || !said.every(isRecord)) return;
      const claims = said.map((one) => signClaim(one as unknown as typeof joined, keys, federation.id, AT));
      openFederation(writeFederation({ ...invited, claims }), rootPublicKey);
    },
  },
];
