import { sodium } from "../../../crypto/index.ts";
import { encodeValue, openSigned, queryBody, seal } from "../../../protocol/index.ts";
import { signDetached } from "../../../protocol/signed.ts";
import { openInvitation, sealInvitation } from "../../../party-node/aligning/invitation.ts";
import { packAttachment, unpackAttachment } from "../../../party-node/hosting/attachment.ts";
import { type KeyringEntry, openGrant, sealGrant } from "../../../party-node/keyring/index.ts";
import { CollectionSecrets } from "../../../party-node/outsourced/collection-secrets.ts";
import { openHeader, sealHeader } from "../../../party-node/outsourced/header.ts";
import { RowSealer } from "../../../party-node/outsourced/row-sealer.ts";
import { Sealer } from "../../../party-node/store/sealer.ts";
import { sample } from "../sample.ts";
import { type FuzzTarget, bytesOf, survives } from "../target.ts";
import { federation, fixed, identity } from "../world.ts";

const VALUE_FAULTS = ["FRAME_MALFORMED", "FRAME_TOO_LARGE", "MESSAGE_INVALID"];

/** A decoder of sealed bytes twice: as they come, and with a true seal around whatever the fuzzer wants, so that it gets past the seal. */
function sealedTwice(options: {
  readonly name: string;
  readonly inner: FuzzTarget["form"];
  readonly sealed: () => readonly Uint8Array[];
  readonly plain: () => readonly Uint8Array[];
  readonly open: (bytes: Uint8Array) => unknown;
  readonly reseal: (plain: Uint8Array) => Uint8Array;
  readonly faults: readonly string[];
  readonly outer?: FuzzTarget["form"];
}): FuzzTarget[] {
  const { name, inner, sealed, plain, open, reseal, faults, outer = "bytes" } = options;
  return [
    { name, form: outer, seeds: sealed, faults, run: open },
    { name: `${name}-inside`, form: inner, seeds: plain, faults, run: (input) => open(reseal(input)) },
  ];
}

const key = (label: string) => ({ id: sodium.to_hex(fixed(label).subarray(0, 16)), secret: fixed(`${label} secret`) });

export const entry: KeyringEntry = {
  name: "notes",
  owner: "owner",
  host: "alpha",
  mode: "double",
  encoder: { fingerprint: "ab".repeat(32), dim: 8, normMax: 1 },
  sealing: { scale: 3.25, beta: 0.5, rotation: false, epsilon: 40 },
  scoring: { chunk: 16, scoreBits: 14, seed: Buffer.from(fixed("hosted")).toString("base64") },
  current: key("current"),
  next: null,
  retired: [],
};

const owner = identity("owner");
const grantTo = { recipient: "asker", owner, federation };
const grantedPlain = (): Uint8Array => {
  const { next: _next, retired: _retired, ...granted } = entry;
  return encodeValue(granted);
};
/** A libsodium sealed box to a member's identity key. */
const boxed = (member: string, plain: Uint8Array): Uint8Array =>
  sodium.crypto_box_seal(plain, sodium.crypto_sign_ed25519_pk_to_curve25519(federation.publicKeyOf(member)!));

const circle = { alignment: fixed("alignment").subarray(0, 16), parties: ["alpha", "beta"] };
const invited = { identity: identity("beta"), federation };
const secrets = new CollectionSecrets(entry.current);
const caprise = secrets.capriseKey(entry);
const rows = new RowSealer(secrets, caprise, entry.encoder.dim);
const passage = { documentId: "a.md", title: "A", text: "what it says", ordinal: 0 };
const plainRow = { rowId: fixed("row").subarray(0, 16), version: 3, passage, vector: new Float32Array(8).fill(0.25) };
const sealedRow = rows.seal(plainRow);
const header = { sequence: 3, rowCountMin: 2, removed: new Uint8Array(48), rankProfile: null };
const profiled = { ...header, rankProfile: { rowCount: 2, questions: [[0.5, 0.25]] } };
const NONCE = new Uint8Array(24);
const store = new Sealer(fixed("store"), fixed("store id").subarray(0, 16));

const aead = (plain: Uint8Array, data: Uint8Array, under: Uint8Array): Uint8Array =>
  new Uint8Array(
    Buffer.concat([NONCE, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, data, null, NONCE, under)]),
  );

/** The place that a row's passage is sealed for, as `RowSealer` has it. */
function rowPlace(): Uint8Array {
  const { vector } = sealedRow;
  const digest = sodium.crypto_generichash(
    32,
    new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength),
    null,
  );
  return encodeValue(["sotto hosted row", secrets.keyId, plainRow.rowId, plainRow.version, digest]);
}

/** What is signed, boxed or sealed: envelopes of members, hosted collections, stores. */
export const sealedTargets: readonly FuzzTarget[] = [
  ...sealedTwice({
    name: "signed-query",
    inner: "cbor",
    outer: "cbor",
    sealed: () => [seal("query", federation.id, sample(queryBody, 1), identity("asker"))],
    plain: () => [encodeValue(sample(queryBody, 0)), encodeValue(sample(queryBody, 1))],
    open: (bytes) => openSigned("query", federation.id, queryBody, bytes, federation.publicKeyOf),
    reseal: (payload) => {
      const { name, secretKey } = identity("asker");
      return encodeValue({
        signer: name,
        payload,
        signature: signDetached("query", federation.id, payload, secretKey),
      });
    },
    faults: [...VALUE_FAULTS, "SIGNATURE_INVALID"],
  }),
  ...sealedTwice({
    name: "grant",
    inner: "cbor",
    outer: "cbor",
    sealed: () => [sealGrant(entry, grantTo)],
    plain: () => [grantedPlain()],
    open: (bytes) => openGrant(bytes, { identity: identity("asker"), federation }),
    reseal: (plain) =>
      seal(
        "grant",
        federation.id,
        { recipient: "asker", keyId: entry.current.id, issuedAtMs: 5, sealed: boxed("asker", plain) },
        owner,
      ),
    faults: ["GRANT_INVALID", "GRANT_RECIPIENT", "GRANT_UNREADABLE"],
  }),
  ...sealedTwice({
    name: "invitation",
    inner: "bytes",
    outer: "cbor",
    sealed: () => [
      sealInvitation(fixed("invitation"), circle, { recipient: "beta", identity: identity("alpha"), federation }),
    ],
    plain: () => [fixed("invitation"), new Uint8Array(31)],
    open: (bytes) => openInvitation(bytes, circle, invited),
    reseal: (plain) => seal("alignment", federation.id, { ...circle, sealed: boxed("beta", plain) }, identity("alpha")),
    faults: ["INVITATION_INVALID"],
  }),
  ...sealedTwice({
    name: "collection-header",
    inner: "cbor",
    sealed: () => [sealHeader(header, secrets)],
    plain: () => [encodeValue(header), encodeValue(profiled)],
    open: survives(
      (bytes) => openHeader(bytes, secrets),
      (opened) => sealHeader(opened, secrets),
    ),
    reseal: (plain) => aead(sodium.pad(plain, 1024), secrets.keyId, secrets.headerKey),
    faults: ["HEADER_TAMPERED", "COLLECTION_NOT_FILLED"],
  }),
  ...sealedTwice({
    name: "collection-row",
    inner: "cbor",
    sealed: () => [sealedRow.passage],
    plain: () => [encodeValue(passage)],
    open: (bytes) => rows.open({ ...sealedRow, passage: bytes }),
    reseal: (plain) => aead(sodium.pad(plain, 512), rowPlace(), secrets.passageKey),
    faults: ["ROW_TAMPERED"],
  }),
  {
    name: "collection-vector",
    form: "bytes",
    seeds: () => [new Uint8Array(sealedRow.vector.buffer)],
    faults: ["CIPHERTEXT_MALFORMED"],
    run: (input) => {
      // Its length has been checked where rows are unpacked.
      const vector = new Float32Array(caprise.ciphertextDim);
      new Uint8Array(vector.buffer).set(input.subarray(0, vector.byteLength));
      caprise.decryptStoredInto(new Float32Array(8), [{ rowId: "ab", version: 0 }], vector);
    },
  },
  {
    name: "host-attachment",
    form: "cbor",
    seeds: () => [
      packAttachment({ version: 1, scoring: null, revision: 0, header: new Uint8Array(0), grants: [] }),
      packAttachment({
        version: 1,
        scoring: { chunk: 16, normMax: 1, scoreBits: 14, seed: fixed("seed") },
        revision: 5,
        header: new Uint8Array(9),
        grants: [{ member: "asker", grant: new Uint8Array(3) }],
      }),
    ],
    faults: ["STORE_DAMAGED"],
    run: survives(unpackAttachment, packAttachment),
  },
  {
    name: "store-record",
    form: "bytes",
    seeds: () => [store.seal("passage:1", bytesOf('["a","b","c",0]'))],
    faults: ["STORE_TAMPERED"],
    run: (input) => store.open("passage:1", input, "row 1"),
  },
];
