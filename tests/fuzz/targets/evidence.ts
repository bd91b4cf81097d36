import { sodium } from "../../../crypto/index.ts";
import { describedBlocks } from "../../../party-node/asking/described-blocks.ts";
import { openPassages } from "../../../party-node/asking/fetched-passages.ts";
import { openLexical } from "../../../party-node/encoders/index.ts";
import { type Accusation, judge } from "../../../party-node/evidence/index.ts";
import {
  HASH_BYTES,
  type OpenedPassage,
  descriptionHash,
  encodeValue,
  limits,
  packFloats,
  packScoredBlocks,
  passageLeaf,
  passagePath,
  passageRoot,
  blockVersion,
  seal,
} from "../../../protocol/index.ts";
import { Defect, type FuzzTarget } from "../target.ts";
import { DIM, federation, fixed, identity, layout } from "../world.ts";
import { lab, question } from "./remote.ts";

const FAULTS = ["FRAME_MALFORMED", "FRAME_TOO_LARGE", "MESSAGE_INVALID", "SIGNATURE_INVALID"];
const SLOT = 3;
const passage: OpenedPassage = { documentId: "a", title: "", text: "words", ordinal: 0, salt: fixed("salt") };
const leaves = new Uint8Array(HASH_BYTES * layout.rowsPerBlock);
leaves.set(passageLeaf(passage), HASH_BYTES * SLOT);

/** A block that holds the passage, and what its party signs when it hands it out. */
async function handedOut() {
  const { occupied, hint } = (await lab()).block;
  const block = { block: 0, occupied, hint, passages: passageRoot(leaves) };
  const version = blockVersion({ ...block, description: descriptionHash(block) });
  const row = { block: 0, version: sodium.from_hex(version), slot: SLOT };
  const committed = { ...row, leaf: passageLeaf(passage), path: passagePath(leaves, SLOT) };
  const { queryId, queryHash } = question;
  return { block: { ...block, version }, statement: { queryId, queryHash, rows: [committed] } };
}

const signed = (statement: object, purpose: "passages" | "blocks" = "passages"): Uint8Array =>
  seal(purpose, federation.id, statement, identity("alpha"));

async function fetched(delivery: Uint8Array): Promise<void> {
  const { block } = await handedOut();
  const { queryId, queryHash } = question;
  const query = { queryId, queryHash, blocks: new Map([[0, block]]) };
  const padded = sodium.pad(delivery, limits.passagePadBytes);
  for (const { text, slot } of openPassages(padded, query, { party: "alpha", federation }))
    if (text !== passage.text || slot !== SLOT) throw new Defect("a passage that the block does not hold was taken");
}

/** Evidence against an honest party, of every kind. */
async function accusations(): Promise<Accusation["claim"][]> {
  const { block, statement } = await handedOut();
  const { scores } = await lab();
  const { version, ...described } = block;
  const description = descriptionHash(block);
  const manifest = { blocks: packScoredBlocks([block]), descriptions: description, passages: block.passages };
  const opening = {
    answerKey: question.answerKeys.privateKey,
    secret: new Uint8Array(2048),
    question: packFloats(new Float32Array(DIM)),
  };
  const query = seal(
    "query",
    federation.id,
    { queryId: question.queryId, issuedAtMs: 0, answerKey: question.answerKeys.publicKey, query: new Uint8Array(9) },
    identity("asker"),
  );
  const list = encodeValue({ blocks: packScoredBlocks([{ block: 0, version }]), scores });
  const sealed = sodium.crypto_box_seal(list, question.answerKeys.publicKey);
  const queryHash = sodium.crypto_generichash(32, query, null);
  const answer = seal("answer", federation.id, { queryId: question.queryId, queryHash, sealed }, identity("alpha"));
  const { occupied, hint, passages } = described;
  return [
    { kind: "block-misdescribed", manifest: signed(manifest, "blocks") },
    { kind: "passage-foreign", statement: signed(statement), row: 0, description, passages },
    {
      ...{ kind: "score-too-high", query, answer, statement: signed({ ...statement, queryHash }), row: 0 },
      ...{ passage, occupied, hint, passages, opening },
    },
  ];
}

const evidence = async (): Promise<object[]> =>
  (await accusations()).map((claim) => ({ version: 1, party: "alpha", foundAtMs: 0, claim }));

async function neverProven(bytes: Uint8Array): Promise<void> {
  const encoder = () => openLexical(DIM);
  const verdict = await judge(bytes, { federation, layout, encoder, identity: identity("asker") });
  if (verdict.proven) throw new Defect("an honest party was convicted");
}

/** Seals what has these bytes inside. */
const around = (purpose: "blocks" | "passages" | "evidence", payload: Uint8Array, signer: string): Uint8Array => {
  const { name, secretKey } = identity(signer);
  const covered = encodeValue([`sotto/2 ${purpose}`, federation.id, sodium.crypto_generichash(64, payload, null)]);
  return encodeValue({ signer: name, payload, signature: sodium.crypto_sign_detached(covered, secretKey) });
};

/** What a querier makes of what a party has signed, and a judge of what a querier says. */
export const evidenceTargets: readonly FuzzTarget[] = [
  {
    name: "signed-manifest",
    form: "cbor",
    seeds: async () => {
      const { block } = await lab();
      const description = descriptionHash(block);
      return [encodeValue({ blocks: packScoredBlocks([block]), descriptions: description, passages: block.passages })];
    },
    faults: [...FAULTS, "BLOCK_MISDESCRIBED"],
    run: async (input) => {
      const { block } = await lab();
      const blocks = [{ ...block, version: sodium.from_hex(block.version) }];
      const page = { type: "blocks" as const, id: 0, last: true, blocks, manifest: around("blocks", input, "alpha") };
      describedBlocks(page, { party: "alpha", layout, hintBytes: layout.hintBytes, federation });
    },
  },
  {
    name: "fetched-passages",
    form: "cbor",
    seeds: async () => [encodeValue({ statement: signed((await handedOut()).statement), passages: [passage] })],
    faults: [...FAULTS, "PASSAGE_FOREIGN"],
    run: fetched,
  },
  {
    name: "passage-statement-signed",
    form: "cbor",
    seeds: async () => [encodeValue((await handedOut()).statement)],
    faults: [...FAULTS, "PASSAGE_FOREIGN"],
    run: (input) => fetched(encodeValue({ statement: around("passages", input, "alpha"), passages: [passage] })),
  },
  {
    name: "evidence",
    form: "cbor",
    seeds: async () => (await evidence()).map((body) => seal("evidence", federation.id, body, identity("asker"))),
    faults: FAULTS,
    bytesMax: 20_000,
    run: neverProven,
  },
  {
    name: "evidence-inside",
    form: "cbor",
    seeds: async () => (await evidence()).map(encodeValue),
    faults: FAULTS,
    bytesMax: 20_000,
    run: (input) => neverProven(around("evidence", input, "asker")),
  },
];
