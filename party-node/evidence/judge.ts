import type { z } from "zod";
import { Fault, type RingLayout, sodium, hexOf } from "../../crypto/index.ts";
import { OpenedQuery } from "../../crypto/secret/index.ts";
import {
  type Federation,
  HASH_BYTES,
  type Identity,
  type PassageStatement,
  type SignaturePurpose,
  answerBody,
  blockManifest,
  blockVersion,
  decodeValue,
  descriptionHash,
  manifestRecords,
  openSigned,
  passageLeaf,
  passageStatement,
  queryBody,
  rootOfPath,
  scoreList,
  unpackFloats,
  unpackScoredBlocks,
} from "../../protocol/index.ts";
import { encoderInput } from "../documents/index.ts";
import type { Encoder } from "../encoders/index.ts";
import type { Claim, Opening, ScoreClaim } from "./claims.ts";
import { openOpening, readEvidence } from "./opening.ts";

/** What comes of evidence when it is verified from what others have signed alone. */
export interface Verdict {
  readonly party: string;
  /** Who says so, by the evidence's signature. */
  readonly finder: string;
  readonly claim: Claim["kind"];
  /** On the finder's clock. */
  readonly foundAtMs: number;
  readonly proven: boolean;
  /** What is proven, or why it is not; for people. */
  readonly why: string;
  /** Whether the file shows the question to whoever has it. */
  readonly showsQuestion: boolean;
}

export interface JudgeOptions {
  readonly federation: Federation;
  readonly layout: RingLayout;
  /** The federation's; opened only for a claim about a score. */
  readonly encoder: () => Promise<Encoder>;
  /** Whose sealed questions can be opened. */
  readonly identity?: Identity;
}

/** Thrown where a claim does not follow from what was signed. */
class NotProven extends Error {}

/**
 * Verifies evidence. Nothing is believed that the accused has not signed, and of what is in the finder's hands the worst is assumed.
 *
 * @throws Fault FRAME_MALFORMED, FRAME_TOO_LARGE, MESSAGE_INVALID, SIGNATURE_INVALID when it is no evidence signed by a member.
 */
export async function judge(bytes: Uint8Array, options: JudgeOptions): Promise<Verdict> {
  const { federation } = options;
  const { finder, party, claim, foundAtMs } = readEvidence(bytes, federation);
  const showsQuestion = claim.kind === "score-too-high" && !(claim.opening instanceof Uint8Array);
  const about = { party, finder, claim: claim.kind, foundAtMs, showsQuestion };
  try {
    return { ...about, proven: true, why: await proofOf(party, claim, options) };
  } catch (error) {
    if (!(error instanceof NotProven) && !(error instanceof Fault)) throw error;
    return { ...about, proven: false, why: error.message };
  }
}

function proofOf(party: string, claim: Claim, options: JudgeOptions): string | Promise<string> {
  switch (claim.kind) {
    case "block-misdescribed":
      return misdescribed(party, claim.manifest, options);
    case "passage-foreign":
      return foreign(party, claim, options);
    case "score-too-high":
      return tooHigh(party, claim, options);
  }
}

function misdescribed(party: string, manifest: Uint8Array, { federation }: JudgeOptions): string {
  const records = manifestRecords(signedBy(party, "blocks", blockManifest, manifest, federation));
  const wrong = records.find((record) => blockVersion(record) !== record.version);
  if (!wrong) throw new NotProven("every block is as its version says");
  return `${party} signed a description of block ${String(wrong.block)} that is not the one its version names`;
}

function foreign(
  party: string,
  { statement, row, description, passages }: Extract<Claim, { kind: "passage-foreign" }>,
  { federation, layout }: JudgeOptions,
): string {
  const { block, slot, version, leaf, path } = rowOf(party, statement, row, federation);
  if (blockVersion({ block, description, passages }) !== hexOf(version))
    throw new NotProven("the description is not the one that the signed version names");
  const levels = Math.log2(layout.rowsPerBlock);
  const isThere = slot < layout.rowsPerBlock && path.length === HASH_BYTES * levels;
  if (isThere && sodium.memcmp(rootOfPath(leaf, slot, path), passages))
    throw new NotProven("the passage is in the block that the party named");
  return `${party} signed that a passage is in slot ${String(slot)} of block ${String(block)}, whose signed version has another there`;
}

/** The answer is decrypted once more, and the passage encoded once more. */
async function tooHigh(party: string, claim: ScoreClaim, options: JudgeOptions): Promise<string> {
  const { federation, layout } = options;
  const { publicKeyOf, hasRole } = federation;
  const querierKey = (name: string): Uint8Array | null => (hasRole(name, "querier") ? publicKeyOf(name) : null);
  const query = openSigned("query", federation.id, queryBody, claim.query, querierKey).value;
  const answer = signedBy(party, "answer", answerBody, claim.answer, federation);
  const statement = signedBy(party, "passages", passageStatement, claim.statement, federation);
  const queryHash = sodium.crypto_generichash(32, claim.query, null);
  for (const { queryId, queryHash: named } of [answer, statement])
    if (!sodium.memcmp(queryId, query.queryId) || !sodium.memcmp(named, queryHash))
      throw new NotProven("the signed messages are not of one question");
  const row = rowOf(party, claim.statement, claim.row, federation);
  checkPassage(claim, row, layout);
  const opening = openingOf(claim, options.identity);
  const scores = scoresOf({ query, sealed: answer.sealed }, row, opening, layout);
  const embedding = unpackFloats(opening.question);
  using opened = OpenedQuery.open(layout, query.query, {
    secret: new Int8Array(opening.secret),
    embedding,
  });
  if (!opened) throw new NotProven("the signed question was not encrypted from this vector with this secret");
  const { block, slot } = row;
  const described = { block, version: hexOf(row.version), occupied: claim.occupied, hint: claim.hint };
  const score = opened.read(described, scores)[slot] ?? NaN;
  const encoder = await options.encoder();
  const [earned = Infinity] = await encoder.scoreMax(embedding, [encoderInput(claim.passage)]);
  if (!(score > earned + opened.scoreErrorMax))
    throw new NotProven(
      "the score is not so far above what the passage's words can earn that a querier with bad intentions could not have brought it about",
    );
  return `${party} answered with a score for slot ${String(slot)} of block ${String(block)} that no vector of that passage's words has`;
}

/** @throws Fault SIGNATURE_INVALID and those of decoding. */
function signedBy<Schema extends z.ZodType>(
  party: string,
  purpose: SignaturePurpose,
  schema: Schema,
  bytes: Uint8Array,
  { id, publicKeyOf }: Federation,
): z.infer<Schema> {
  return openSigned(purpose, id, schema, bytes, (name) => (name === party ? publicKeyOf(name) : null)).value;
}

/** A row that a party has signed for. */
function rowOf(
  party: string,
  statement: Uint8Array,
  index: number,
  federation: Federation,
): PassageStatement["rows"][number] {
  const row = signedBy(party, "passages", passageStatement, statement, federation).rows[index];
  if (!row) throw new NotProven("the party has signed for fewer passages");
  return row;
}

/** That the passage's words and the block's description are those that the party has signed for. */
function checkPassage(
  { passage, occupied, hint, passages }: ScoreClaim,
  { block, version, slot, leaf, path }: PassageStatement["rows"][number],
  { rowsPerBlock }: RingLayout,
): void {
  if (blockVersion({ block, description: descriptionHash({ occupied, hint }), passages }) !== hexOf(version))
    throw new NotProven("the description is not the one that the signed version names");
  const isThere = slot < rowsPerBlock && path.length === HASH_BYTES * Math.log2(rowsPerBlock);
  if (!isThere || !sodium.memcmp(passageLeaf(passage), leaf) || !sodium.memcmp(rootOfPath(leaf, slot, path), passages))
    throw new NotProven("the passage is not the one that the party has signed for");
}

function openingOf({ opening }: ScoreClaim, identity: Identity | undefined): Opening {
  if (!(opening instanceof Uint8Array)) return opening;
  if (identity) return openOpening(opening, identity);
  throw new NotProven(
    "the question is sealed to who found this; only with the question in the open can others verify it",
  );
}

/** The scores of the row's block, as the party answered them. */
function scoresOf(
  { query, sealed }: { readonly query: { readonly answerKey: Uint8Array }; readonly sealed: Uint8Array },
  { block, version }: PassageStatement["rows"][number],
  { answerKey }: Opening,
  { scoreBytesPerBlock }: RingLayout,
): Uint8Array {
  const publicKey = sodium.crypto_scalarmult_base(answerKey);
  if (!sodium.memcmp(publicKey, query.answerKey)) throw new NotProven("the key is not the one of the signed question");
  let list: Uint8Array;
  try {
    list = sodium.crypto_box_seal_open(sealed, publicKey, answerKey);
  } catch {
    throw new NotProven("the answer was not sealed to the signed question");
  }
  const { blocks, scores } = decodeValue(scoreList, list);
  const at = unpackScoredBlocks(blocks).findIndex(
    (scored) => scored.block === block && scored.version === hexOf(version),
  );
  if (at < 0) throw new NotProven("the signed answer does not score the passage's block");
  return scores.subarray(at * scoreBytesPerBlock, (at + 1) * scoreBytesPerBlock);
}
