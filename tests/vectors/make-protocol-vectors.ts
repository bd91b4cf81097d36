// Makes protocol.json with the implementation of tests/protocol/independent, which follows docs/protocol.md and shares no code with the project:
//   node scripts/run.mjs tests/vectors/make-protocol-vectors.ts
import { writeFileSync } from "node:fs";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { type Fields, concat, encode } from "../protocol/independent/cbor.ts";
import {
  type Action,
  type Change,
  type Claim,
  type Entry,
  contentOf,
  fromBase64,
  hashOf,
  publicKey,
  readMembers,
  signedBy,
  toBase64,
} from "../protocol/independent/federation.ts";
import { derive, envelope, hash, sealBox, stream, u32 } from "../protocol/independent/primitives.ts";
import { RecordSender } from "../protocol/independent/records.ts";
import { pack, publicRandomness, transform } from "../protocol/independent/ring.ts";

export const PROTOCOL_VECTORS = new URL("./protocol.json", import.meta.url);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** Bytes for an input, another for every name. */
const bytes = (name: string, length = 32): Uint8Array => stream(derive(new Uint8Array(32), name), length);
const digest = (numbers: readonly number[]): string => hex(hash(256, concat(...numbers.map(u32))));

/** Messages of many lengths, the key replaced after some. */
function records() {
  const [key, header] = [bytes("record key"), bytes("record header", 24)];
  const sender = new RecordSender(key, header);
  const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 300];
  return {
    key: hex(key),
    records: lengths.map((length, i) => {
      const message = bytes(`message ${String(i)}`, length);
      const tag = i % 3 === 1 ? 0 : 2;
      return { tag, message: hex(message), record: hex(sender.seal(message, tag)) };
    }),
  };
}

/** A session behind a finished handshake. */
function session() {
  const keys = { querier: bytes("to responder"), party: bytes("to initiator") };
  const senders = {
    querier: new RecordSender(keys.querier, bytes("querier's header", 24)),
    party: new RecordSender(keys.party, bytes("party's header", 24)),
  };
  const queryId = bytes("query id", 16);
  const said: readonly (readonly ["querier" | "party", Fields])[] = [
    ["querier", { type: "sync", id: 0, held: bytes("held", 32) }],
    [
      "party",
      {
        type: "blocks",
        id: 0,
        last: true,
        blocks: [{ block: 3, version: bytes("version", 16), occupied: Uint8Array.of(5, 0, 0, 0), hint: bytes("hint", 40), passages: bytes("passages") }],
        manifest: bytes("manifest", 40),
      },
    ],
    ["querier", { type: "fetch", id: 1, queryId, handles: concat(u32(3), u32(2), new Uint8Array(248).fill(0xff)) }],
    ["party", { type: "fault", id: 1, code: "FETCH_EXPIRED", reason: "gone" }],
  ];
  return {
    toResponder: hex(keys.querier),
    toInitiator: hex(keys.party),
    messages: said.map(([from, message]) => ({ from, message: hex(encode(message)), record: hex(senders[from].seal(encode(message))) })),
  };
}

function queryAndAnswer() {
  const federationId = bytes("federation", 32);
  const [asker, clinic] = [
    { name: "asker", seed: bytes("asker") },
    { name: "clinic-7", seed: bytes("clinic") },
  ];
  const answerKey = bytes("answer key");
  const queryId = bytes("query id", 16);
  const query = envelope(
    "query",
    federationId,
    { queryId, issuedAtMs: 1_790_000_000_123, answerKey: x25519.getPublicKey(answerKey), query: bytes("query", 100) },
    asker,
  );
  const scores = { blocks: concat(u32(3), bytes("version", 16)), scores: bytes("scores", 56) };
  const sealed = sealBox(encode(scores), x25519.getPublicKey(answerKey), bytes("ephemeral"));
  const queryHash = hash(256, query);
  return {
    federationId: hex(federationId),
    querierKey: hex(ed25519.getPublicKey(asker.seed)),
    partyKey: hex(ed25519.getPublicKey(clinic.seed)),
    querierSeed: hex(asker.seed),
    partySeed: hex(clinic.seed),
    answerPrivateKey: hex(answerKey),
    query: hex(query),
    queryHash: hex(queryHash),
    scores: hex(encode(scores)),
    answer: hex(envelope("answer", federationId, { queryId, queryHash, sealed }, clinic)),
  };
}

/** A federation in which everything that can be entered is. */
function federation() {
  const seeds = Object.fromEntries(
    ["root", "hub", "clinic", "clinic's next", "invitation", "bank", "bank's next"].map((name) => [name, bytes(name)]),
  );
  const key = (name: string): string => publicKey(seeds[name]!);
  const rootPublicKey = key("root");
  const id = hash(256, fromBase64(rootPublicKey));
  const time = (hour: number): string => `2026-11-01T${String(hour).padStart(2, "0")}:00:00.000Z`;
  const founding = {
    version: 2,
    name: "known answers",
    time: time(1),
    rootPublicKey,
    coordinatorUrls: ["wss://hub.example:7400"],
    mode: "private",
    encoder: { spec: "lexical", fingerprint: hex(bytes("fingerprint")) },
    scoring: { dim: 1024, chunk: 32, normMax: 24.5, scoreBits: 14, seed: toBase64(bytes("scoring seed")) },
  };
  const changes: Change[] = [];
  const actions = [
    { type: "member-added", name: "hub", roles: ["coordinator"], publicKey: key("hub") },
    { type: "member-added", name: "clinic", roles: ["party", "querier"], publicKey: key("clinic") },
    { type: "invitation-made", name: "bank", roles: ["party"], publicKey: key("invitation"), expires: time(9) },
    { type: "invitation-made", name: "lab", roles: ["party"], publicKey: key("invitation"), expires: time(9) },
    { type: "roles-changed", name: "bank", roles: ["party", "querier"] },
    { type: "coordinators-moved", coordinatorUrls: ["wss://hub.example"] } as unknown as Action,
    { type: "invitation-withdrawn", name: "lab" },
    { type: "member-added", name: "press", roles: ["querier"], publicKey: toBase64(bytes("press")) },
    { type: "member-removed", name: "press" },
  ];
  for (const [i, action] of actions.entries()) {
    const previous = i === 0 ? hashOf(founding) : hashOf(contentOf(changes[i - 1]!));
    const content = { sequence: i + 1, previous, time: time(2 + i), action };
    changes.push({ ...content, signature: signedBy(seeds["root"]!, "federation-change", id, content) });
  }
  const claims: Claim[] = [];
  const claim = (hour: number, from: Entry, type: string, [entitled, own]: readonly [string, string]): void => {
    const action = { type, name: from.action.name, publicKey: key(own) };
    const content = { previous: hashOf(contentOf(from)), time: time(hour), action };
    const signature = (by: string): string => signedBy(seeds[by]!, "federation-claim", id, content);
    claims.push({ ...content, entitled: signature(entitled), own: signature(own) });
  };
  claim(5, changes[2]!, "joined", ["invitation", "bank"]);
  claim(6, changes[1]!, "key-replaced", ["clinic", "clinic's next"]);
  claim(7, claims[0]!, "key-replaced", ["bank", "bank's next"]);
  const signature = signedBy(seeds["root"]!, "federation", id, founding);
  const file = { founding, signature, changes, claims };
  const hashes = [hashOf(founding), ...[...changes, ...claims].map((entry) => hashOf(contentOf(entry)))];
  return {
    rootPublicKey,
    seeds: Object.fromEntries(Object.entries(seeds).map(([name, seed]) => [name, hex(seed)])),
    file,
    hashes,
    digest: hex(hash(256, encode(hashes))),
    members: readMembers(file, rootPublicKey) as { name: string; roles: string[]; publicKey: string }[],
  };
}

function packings() {
  return [31, 14, 8].map((bits) => {
    const numbers = Array.from({ length: 16 }, (_, i) => (i < 2 ? [0, 2 ** bits - 1][i]! : (i * 1_234_567_891) % 2 ** bits));
    return { bits, numbers, packed: hex(pack(numbers, bits)) };
  });
}

function ring() {
  const seed = bytes("scoring seed");
  return {
    seed: hex(seed),
    publicRandomness: [0, 1, 511].map((chunk) => {
      const a = publicRandomness(seed, chunk);
      return { chunk, first: a.slice(0, 4), digest: digest(a) };
    }),
    transforms: [0, 1].map((chunk) => {
      const values = transform(publicRandomness(seed, chunk));
      return { chunk, first: values.slice(0, 4), digest: digest(values) };
    }),
  };
}

export function protocolVectors() {
  return {
    origin:
      "Made by tests/vectors/make-protocol-vectors.ts (@noble/ciphers 2.4.0, @noble/curves 2.4.0, @noble/hashes 2.4.0). Bytes in hex; a digest is BLAKE2b-256 of the numbers as u32; a transform is of the public randomness of its chunk.",
    records: [records()],
    sessions: [session()],
    queries: [queryAndAnswer()],
    federations: [federation()],
    packings: packings(),
    rings: [ring()],
  };
}

if (import.meta.main) writeFileSync(PROTOCOL_VECTORS, `${JSON.stringify(protocolVectors(), null, 2)}\n`);
