import { IntersectingParty, LocalShard, RlweIndex, sodium } from "../../../crypto/index.ts";
import { RlweAsker } from "../../../crypto/secret/index.ts";
import { AnswerReader } from "../../../party-node/asking/answer-reader.ts";
import type { PartySession } from "../../../party-node/asking/party-session.ts";
import { RemoteBlocks } from "../../../party-node/asking/remote-blocks.ts";
import { readCodes } from "../../../party-node/codes/remote-codes.ts";
import { openLexical } from "../../../party-node/encoders/index.ts";
import type { EndToEndSession } from "../../../party-node/link/index.ts";
import { RemoteCollection } from "../../../party-node/outsourced/remote-collection.ts";
import { PartyRouter, openCommonCoder } from "../../../party-node/routing/index.ts";
import { checkRows } from "../../../party-node/sealed-store/check.ts";
import {
  type EndToEndMessage,
  HASH_BYTES,
  type ScoredBlock,
  blockVersion,
  decodeEndToEndMessage,
  descriptionHash,
  encodeValue,
  packScoredBlocks,
  packSealedRows,
  passageRoot,
  seal,
  unpackSealedRows,
} from "../../../protocol/index.ts";
import { Defect, type FuzzTarget } from "../target.ts";
import { DIM, boxKeys, federation, fixed, identity, layout } from "../world.ts";

const MESSAGE_FAULTS = ["FRAME_MALFORMED", "FRAME_TOO_LARGE", "MESSAGE_UNKNOWN", "MESSAGE_INVALID"];

/** A peer that answers every request with this one message. */
function answering(message: (request: EndToEndMessage) => EndToEndMessage): EndToEndSession {
  const session: Pick<EndToEndSession, "party" | "request" | "ask"> = {
    party: "alpha",
    request: (request, take) => {
      take(message({ ...request, id: 0 }));
      return Promise.resolve(0);
    },
    ask: (request, type) => {
      const answer = message({ ...request, id: 0 });
      // What `EndToEndSession.ask` refuses itself.
      if (answer.type !== type) return Promise.resolve({} as never);
      return Promise.resolve(answer as never);
    },
  };
  return session as EndToEndSession;
}

/** A block in the state in which a party has it, a question that it was asked and what it answers. */
async function openLab() {
  const vector = new Float32Array(DIM).fill(1 / Math.sqrt(DIM));
  const index = new RlweIndex(layout, { openShard: () => new LocalShard(layout, fixed("hints")) });
  await index.stage(0, [{ slot: 3, vector }]);
  const [present] = index.commit();
  const asker = new RlweAsker(layout, { poolSize: 0 });
  const { query, secrets } = await asker.ask(vector);
  const { scores } = await index.answer(query);
  const { occupied, hint } = index.describe(0)!;
  const passages = passageRoot(new Uint8Array(HASH_BYTES * layout.rowsPerBlock));
  const version = blockVersion({ block: 0, description: descriptionHash({ occupied, hint }), passages });
  const block = { block: 0, version, occupied, hint, passages };
  return { index, query, secrets, scores, block, present: { ...present!, version } };
}
let opened: ReturnType<typeof openLab> | null = null;
export const lab = (): ReturnType<typeof openLab> => (opened ??= openLab());

const bytesOfHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

async function pageOfBlocks(): Promise<EndToEndMessage> {
  const { block } = await lab();
  const manifest = seal(
    "blocks",
    federation.id,
    { blocks: packScoredBlocks([block]), descriptions: descriptionHash(block), passages: block.passages },
    identity("alpha"),
  );
  return { type: "blocks", id: 0, last: true, blocks: [{ ...block, version: bytesOfHex(block.version) }], manifest };
}

const remoteBlocks = (): RemoteBlocks =>
  new RemoteBlocks({
    party: "alpha",
    layout,
    hintBytes: layout.hintBytes,
    federation,
    onBlocks: () => undefined,
  });

export const question = {
  queryId: fixed("query").subarray(0, 16),
  queryHash: fixed("query hash"),
  answerKeys: boxKeys("answer"),
};

/** Signed and sealed as a party does it, around these bytes. */
function answerAround(list: Uint8Array): Uint8Array {
  const { queryId, queryHash, answerKeys } = question;
  const sealed = sodium.crypto_box_seal(list, answerKeys.publicKey);
  return seal("answer", federation.id, { queryId, queryHash, sealed }, identity("alpha"));
}

/** `PartySession.blocksOf` of a party that describes its one block. */
export async function remoteBlocksOf(): Promise<PartySession["blocksOf"]> {
  const page = await pageOfBlocks();
  const blocks = remoteBlocks();
  const session = answering(() => page);
  return (list) => blocks.blocksOf(session, list);
}

async function readAnswer(body: Uint8Array): Promise<void> {
  const { secrets } = await lab();
  const session = { blocksOf: await remoteBlocksOf() };
  const reader = new AnswerReader({
    federation,
    layout,
    secrets,
    ...question,
    session: () => Promise.resolve(session as PartySession),
    k: 3,
  });
  const { best, passagesScored } = await reader.read("alpha", body);
  if (best.length > 3 || passagesScored > layout.rowsPerBlock) throw new Defect("more rows than the party has");
}

const scoreLists = async (): Promise<Uint8Array[]> => {
  const { scores, present } = await lab();
  const listed = (blocks: readonly ScoredBlock[]): Uint8Array =>
    encodeValue({ blocks: packScoredBlocks(blocks), scores });
  return [listed([present]), listed([present, present]), listed([{ ...present, block: 5 }]), listed([])];
};

const ANSWER_FAULTS = [...MESSAGE_FAULTS, "SIGNATURE_INVALID", "ANSWER_MALFORMED", "HINT_MALFORMED"];
const HOSTED_DIM = 9;
const row = { rowId: new Uint8Array(16), version: 7, vector: new Float32Array(HOSTED_DIM), passage: new Uint8Array(8) };
let party: Promise<IntersectingParty> | null = null;
const aligning = (): Promise<IntersectingParty> =>
  (party ??= IntersectingParty.create({ ids: ["p1", "p2"], secret: fixed("psi"), context: fixed("context") }));

const CODES: EndToEndMessage = {
  type: "codes-list",
  id: 0,
  bits: 12,
  known: Uint8Array.of(0b101),
  codes: new Uint8Array(4),
  left: 5,
};

async function openRouting() {
  const encoder = await openLexical(DIM);
  const coder = await openCommonCoder(encoder);
  const replies = new Map<string, EndToEndMessage>();
  const router = new PartyRouter({
    encoder,
    session: (name) => Promise.resolve(answering(() => replies.get(name)!)),
  });
  return { replies, router, coderId: coder.id };
}
let routing: ReturnType<typeof openRouting> | null = null;
let routed = 0;
const summary = (coder: Uint8Array): EndToEndMessage => ({
  type: "route-prototypes",
  id: 0,
  version: new Uint8Array(16),
  coder,
  prototypes: new Uint8Array(64),
  passages: [6, 9],
});

/** What a querier, an owner or a party makes of what the other end of a session sends. */
export const remoteTargets: readonly FuzzTarget[] = [
  {
    name: "ring-query",
    form: "bytes",
    seeds: async () => [(await lab()).query],
    faults: ["QUERY_MALFORMED"],
    bytesMax: 10_000,
    run: async (input) => (await lab()).index.answer(input),
  },
  {
    name: "ring-scores",
    form: "bytes",
    seeds: async () => [(await lab()).scores],
    faults: ["ANSWER_MALFORMED"],
    run: async (input) => {
      const { secrets, block } = await lab();
      const scores = secrets.read("alpha", block, input);
      if (!scores.every((score, slot) => (slot === 3 ? Number.isFinite(score) : Number.isNaN(score))))
        throw new Defect("an empty slot has a score, or a row has none");
    },
  },
  {
    name: "ring-hint",
    form: "bytes",
    seeds: async () => [(await lab()).block.hint],
    faults: ["HINT_MALFORMED"],
    bytesMax: 10_000,
    run: async (hint) => {
      const { secrets, block, scores } = await lab();
      const version = sodium.to_hex(sodium.crypto_generichash(16, hint, null));
      secrets.read("alpha", { ...block, version, hint }, scores);
    },
  },
  {
    name: "answer",
    form: "cbor",
    seeds: async () => (await scoreLists()).slice(0, 1).map(answerAround),
    faults: ANSWER_FAULTS,
    run: readAnswer,
  },
  {
    name: "answer-inside",
    form: "cbor",
    seeds: scoreLists,
    faults: ANSWER_FAULTS,
    run: (input) => readAnswer(answerAround(input)),
  },
  {
    name: "block-descriptions",
    form: "cbor",
    seeds: async () => [encodeValue(await pageOfBlocks())],
    faults: [...MESSAGE_FAULTS, "HINT_MALFORMED", "SIGNATURE_INVALID", "BLOCK_MISDESCRIBED"],
    bytesMax: 20_000,
    run: async (input) => {
      const page = decodeEndToEndMessage(input);
      const blocks = remoteBlocks();
      await blocks.sync(
        answering(() => page),
        [],
      );
      if (blocks.present.some(({ hint }) => hint.length !== layout.hintBytes)) throw new Defect("a hint is missing");
    },
  },
  {
    name: "codes-list",
    form: "cbor",
    seeds: () => [encodeValue(CODES)],
    faults: MESSAGE_FAULTS,
    run: async (input) => {
      const answer = decodeEndToEndMessage(input);
      if (answer.type !== "codes-list") return;
      const { bits, codes } = await readCodes(
        answering(() => answer),
        ["a", "b", "c"],
      );
      if (codes.length !== 3 || codes.some((code) => code && code.length !== Math.ceil(bits / 8)))
        throw new Defect("a code is missing or of another length");
    },
  },
  {
    name: "routing-summary",
    form: "cbor",
    seeds: async () => {
      const { coderId } = await (routing ??= openRouting());
      return [encodeValue(summary(coderId)), encodeValue({ ...summary(coderId), passages: [] })];
    },
    faults: [...MESSAGE_FAULTS, "SUMMARY_MALFORMED", "SUMMARY_OTHER_CODER"],
    run: async (input) => {
      const answer = decodeEndToEndMessage(input);
      if (answer.type !== "route-prototypes") return;
      const { router, replies } = await (routing ??= openRouting());
      const name = `p${String(routed++)}`;
      replies.set(name, answer);
      const route = (await router.route(new Float32Array(DIM).fill(0.1), [name], 1)).get(name);
      replies.delete(name);
      if (route?.reason !== "likely" && !/^SUMMARY_/.test(route?.fault?.code ?? "")) throw new Defect("no route");
    },
  },
  {
    name: "host-version-list",
    form: "bytes",
    seeds: () => [new Uint8Array(48).fill(1), new Uint8Array(0)],
    faults: ["MESSAGE_INVALID"],
    run: async (input) => {
      const pages = [input.slice(0, input.length - (input.length % 24)), new Uint8Array(0)];
      const session = answering(() => ({ type: "host-version-list", id: 0, list: pages.shift() ?? new Uint8Array(0) }));
      const remote = new RemoteCollection({
        session: () => Promise.resolve(session),
        keyId: new Uint8Array(16),
        dim: 9,
      });
      for (const version of (await remote.versions()).values())
        if (version < 1 || !Number.isSafeInteger(version)) throw new Defect("a version cannot be one");
    },
  },
  {
    name: "host-put-rows",
    form: "bytes",
    seeds: () => [packSealedRows([row], HOSTED_DIM), packSealedRows([row, row], HOSTED_DIM, 512)],
    faults: ["MESSAGE_INVALID", "ROW_INVALID", "VECTOR_INVALID", "STORE_LIMIT"],
    run: (input) => {
      checkRows(unpackSealedRows(input, HOSTED_DIM), {
        id: "c",
        dim: HOSTED_DIM,
        owner: "owner",
        fields: [],
        search: "exact",
      });
    },
  },
  {
    name: "align-points",
    form: "bytes",
    seeds: async () => [(await aligning()).blind(0, 2)],
    faults: ["POINT_INVALID"],
    bytesMax: 128,
    run: async (input) => (await aligning()).raise(input.subarray(0, input.length - (input.length % 32))),
  },
];
