import { expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import { publicPolynomial } from "../../crypto/rlwe/public-randomness.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { WasmKernels } from "../../crypto/rlwe/wasm-kernels.ts";
import {
  SecureChannel,
  answerBody,
  decodeEndToEndMessage,
  decodeValue,
  encodeValue,
  entryHash,
  hashOf,
  openFederation,
  openSigned,
  queryBody,
  scoreList,
  seal,
  signChange,
  signClaim,
} from "../../protocol/index.ts";
import { loadVectors } from "../vectors/load-vectors.ts";
import { PROTOCOL_VECTORS, protocolVectors } from "../vectors/make-protocol-vectors.ts";

const vectors = loadVectors<Omit<ReturnType<typeof protocolVectors>, "origin">>(PROTOCOL_VECTORS, [
  "records",
  "sessions",
  "queries",
  "federations",
  "packings",
  "rings",
]);
const hex = sodium.to_hex;
const bytes = sodium.from_hex;
const opener = (key: string) => new SecureChannel({ sending: new Uint8Array(32), receiving: bytes(key) });

test("the second implementation still makes the vectors", () => {
  expect(vectors).toEqual(protocolVectors());
});

test.each(vectors.records)("records", ({ key, records }) => {
  const channel = opener(key);
  for (const { message, record } of records) expect(hex(channel.open(bytes(record)))).toBe(message);
});

test.each(vectors.sessions)("an end-to-end session", ({ toResponder, toInitiator, messages }) => {
  const channels = { querier: opener(toResponder), party: opener(toInitiator) };
  for (const { from, message, record } of messages) {
    const opened = channels[from].open(bytes(record));
    expect(hex(opened)).toBe(message);
    expect(hex(encodeValue(decodeEndToEndMessage(opened)))).toBe(message);
  }
});

test.each(vectors.queries)("a signed query and its signed, sealed answer", (vector) => {
  const federationId = bytes(vector.federationId);
  const open = { query: queryBody, answer: answerBody };
  const signers = { query: ["asker", "querier"], answer: ["clinic-7", "party"] } as const;
  for (const purpose of ["query", "answer"] as const) {
    const [name, role] = signers[purpose];
    const keyOf = (who: string) => (who === name ? bytes(vector[`${role}Key`]) : null);
    const { value } = openSigned(purpose, federationId, open[purpose], bytes(vector[purpose]), keyOf);
    const { privateKey: secretKey } = sodium.crypto_sign_seed_keypair(bytes(vector[`${role}Seed`]));
    expect(hex(seal(purpose, federationId, value, { name, secretKey }))).toBe(vector[purpose]);
  }
  expect(hex(sodium.crypto_generichash(32, bytes(vector.query), null))).toBe(vector.queryHash);
  const { value } = openSigned("answer", federationId, answerBody, bytes(vector.answer), () => bytes(vector.partyKey));
  const privateKey = bytes(vector.answerPrivateKey);
  const scores = sodium.crypto_box_seal_open(value.sealed, sodium.crypto_scalarmult_base(privateKey), privateKey);
  expect(hex(scores)).toBe(vector.scores);
  expect(decodeValue(scoreList, scores).blocks).toHaveLength(20);
});

test.each(vectors.federations)("a federation's log", ({ rootPublicKey, seeds, file, hashes, digest, members }) => {
  const federation = openFederation(JSON.stringify(file), rootPublicKey);
  expect(federation.terms.members).toEqual(members);
  expect(federation.terms).toMatchObject({ revision: 13, coordinatorUrls: ["wss://hub.example"] });
  expect(hex(federation.digest)).toBe(digest);
  const { founding, changes, claims } = federation.log;
  expect([entryHash(founding), ...[...changes, ...claims].map(hashOf)]).toEqual(hashes);
  const secretKey = (name: string) => sodium.crypto_sign_seed_keypair(bytes(seeds[name]!)).privateKey;
  for (const { signature: _, ...content } of changes)
    expect(signChange(content, federation.id, secretKey("root"))).toEqual(changes[content.sequence - 1]);
  const { previous, time, action } = claims[0]!;
  const keys = { entitled: secretKey("invitation"), own: secretKey("bank") };
  expect(signClaim({ previous, ...action }, keys, federation.id, Date.parse(time))).toEqual(claims[0]);
});

const kernels = { reference: referenceKernels, wasm: new WasmKernels({ chunks: 1 }) };

test.each(Object.entries(kernels))("packing and transforms, %s kernels", (_, own) => {
  for (const { bits, numbers, packed } of vectors.packings) {
    const values = Uint32Array.from(numbers, (number) => number * 2 ** (31 - bits));
    expect(hex(own.packBits(values, { stride: 1, count: numbers.length, bits }))).toBe(packed);
    expect([...own.unpackBits(bytes(packed), { count: numbers.length, bits })]).toEqual([...values]);
  }
  for (const { seed, publicRandomness, transforms } of vectors.rings) {
    for (const { chunk, first, digest } of publicRandomness)
      expect(summary(publicPolynomial(bytes(seed), chunk))).toEqual({ first, digest });
    for (const { chunk, first, digest } of transforms) {
      const polynomial = publicPolynomial(bytes(seed), chunk);
      own.forwardNtt(polynomial);
      expect(summary(polynomial)).toEqual({ first, digest });
    }
  }
});

function summary(values: Uint32Array): { first: number[]; digest: string } {
  const all = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { first: [...values.subarray(0, 4)], digest: hex(sodium.crypto_generichash(32, all, null)) };
}
