import { setImmediate as nextTurn } from "node:timers/promises";
import { decode } from "cborg";
import type { Logger } from "pino";
import { SHARE_CHECKS, addResidues, residueBytes, shareChecks, sodium } from "../../../crypto/index.ts";
import { seedMask } from "../../../crypto/secret/index.ts";
import { TotalReader } from "../../../party-node/asking/total-reader.ts";
import type { PartySession } from "../../../party-node/asking/party-session.ts";
import type { Collection } from "../../../party-node/serving/collection.ts";
import type { QueryService } from "../../../party-node/serving/query-service.ts";
import { SessionService } from "../../../party-node/serving/session-service.ts";
import type { PassageStore } from "../../../party-node/store/index.ts";
import {
  type HopMessage,
  Initiator,
  decodeValue,
  encodeValue,
  handshakeContext,
  packHandles,
  packScoredBlocks,
  passageLeaf,
  seal,
  shareNote,
} from "../../../protocol/index.ts";
import { endToEndMessages } from "../../../protocol/messages.ts";
import { sample } from "../sample.ts";
import { Defect, type FuzzTarget } from "../target.ts";
import { boxKeys, federation, fixed, identity, layout } from "../world.ts";
import { lab, question, remoteBlocksOf } from "./remote.ts";

/** Messages, or whatever stands in their place, as the fuzzer has them: a list, or one that is none. */
function itemsIn(input: Uint8Array): Uint8Array[] {
  try {
    const list: unknown = decode(new Uint8Array(input));
    if (Array.isArray(list)) return list.slice(0, 8).map((item) => encodeValue(item));
  } catch {
    // Then the input is the one message.
  }
  return [input];
}

const QUERY_ID = fixed("query").subarray(0, 16);
const passage = { rowId: 1, documentId: "a.md", title: "A", text: "what it says", ordinal: 0 };

/** A party's end of sessions, with one block and one row that may be fetched; what it sends and what it calls a bug of its own. */
async function openParty() {
  const { block } = await lab();
  const sent: HopMessage[] = [];
  const errors: unknown[] = [];
  const collection: Pick<Collection, "describe" | "describeVersions"> = {
    describe: () => [block],
    describeVersions: () => [block],
  };
  const queries: Pick<QueryService, "takeFetchable"> = {
    takeFetchable: () => ({
      queryHash: question.queryHash,
      committedAt: (block, slot) => {
        const stated = {
          block,
          version: new Uint8Array(16),
          slot,
          leaf: passageLeaf(salted),
          path: new Uint8Array(160),
        };
        return slot === 3 ? { rowId: 1, stated } : null;
      },
    }),
  };
  const salted = { ...passage, salt: new Uint8Array(32) };
  const store: Pick<PassageStore, "passages" | "salted"> = { passages: () => [passage], salted: () => salted };
  const service = new SessionService({
    identity: identity("alpha"),
    federation,
    collection: collection as Collection,
    queries: queries as QueryService,
    store: store as PassageStore,
    send: (message) => sent.push(message),
    drained: () => Promise.resolve(),
    now: () => 0,
    log: { error: (error: unknown) => errors.push(error) } as unknown as Logger,
  });
  return { service, sent, errors };
}

/** What a querier can say in a session, sealed as it is: the party answers, refuses or hangs up, and never fails. */
async function saidInSession(input: Uint8Array): Promise<void> {
  const { service, sent, errors } = await openParty();
  const session = new Uint8Array(16);
  const say = (body: Uint8Array): void => {
    service.receive({ type: "relay", session, peer: "asker", body });
  };
  const initiator = new Initiator(identity("asker"), handshakeContext(federation, "end-to-end"), boxKeys("initiator"));
  say(initiator.hello);
  const [welcome] = sent;
  if (welcome?.type !== "relay") throw new Defect("an honest hello was refused");
  const { finish, channel } = initiator.receiveWelcome(welcome.body);
  say(finish);
  for (const item of itemsIn(input)) say(channel.seal(item));
  for (let i = 0; i < 4; i++) await nextTurn();
  const [error] = errors;
  if (error) throw (error as { err: Error }).err;
}

const CHECK_KEY = fixed("checks");
const PARTIES = ["alpha", "beta"];
const POSITIONS_MAX = 4096;

/** The sum of two parties' shares, all scores 0, with these notes about them; right in everything that the notes do not say. */
async function totalWith(input: Uint8Array): Promise<void> {
  const notes = itemsIn(input);
  const { secrets } = await lab();
  const shares = PARTIES.map((party, i) => {
    const sealed = sodium.crypto_box_seal(notes[i] ?? new Uint8Array(0), question.answerKeys.publicKey);
    const { queryId, queryHash } = question;
    const said = { queryId, queryHash, residuesHash: new Uint8Array(32), sealed };
    return { party, body: seal("share", federation.id, said, identity(party)) };
  });
  const reader = new TotalReader({
    federation,
    layout,
    parties: PARTIES,
    secrets,
    ...question,
    checkKey: CHECK_KEY,
    session: async () => ({ blocksOf: await remoteBlocksOf() }) as PartySession,
    k: 3,
  });
  const residues = residueBytes(masked(notes));
  const total = { type: "total" as const, queryId: question.queryId, residues, shares };
  const { best } = await reader.read(total, () => undefined);
  if (best.length > 3) throw new Defect("more rows than were asked for");
}

function masked(notes: readonly Uint8Array[]): Uint32Array {
  const read = notes.slice(0, 2).flatMap((note) => {
    try {
      return [decodeValue(shareNote, note)];
    } catch {
      return [];
    }
  });
  const positions = Math.min(read[0]?.positions ?? 0, POSITIONS_MAX);
  const scores = new Uint32Array(Math.ceil(positions / layout.rowsPerBlock) * layout.rowsPerBlock);
  const sum = new Uint32Array(scores.length + SHARE_CHECKS);
  sum.set(shareChecks(CHECK_KEY, scores), scores.length);
  for (const { maskSeed } of read) addResidues(sum, seedMask(maskSeed, question.queryHash, sum.length));
  return sum;
}

/** Conversations: more than one message, and what a side remembers between them. */
export const sessionTargets: readonly FuzzTarget[] = [
  {
    name: "party-session",
    form: "cbor",
    seeds: () => {
      const all = Object.values(endToEndMessages).map((schema) => sample(schema, 1));
      const fetch = { type: "fetch", id: 1, queryId: QUERY_ID, handles: packHandles([{ block: 0, slot: 3 }]) };
      const sync = { type: "sync", id: 0, held: new Uint8Array(0) };
      return [encodeValue([sync, fetch]), ...all.map((message) => encodeValue([message, sync]))];
    },
    faults: [],
    run: saidInSession,
  },
  {
    name: "total-inside",
    form: "cbor",
    seeds: async () => {
      const { present } = await lab();
      const note = { maskSeed: fixed("mask"), alignment: fixed("aligned"), positions: 5 };
      const blocks = packScoredBlocks([present]);
      return [
        encodeValue([
          { ...note, blocks },
          { ...note, blocks },
        ]),
        encodeValue([
          { ...note, blocks },
          { ...note, blocks: new Uint8Array(0) },
        ]),
      ];
    },
    faults: [
      "FRAME_MALFORMED",
      "MESSAGE_INVALID",
      "SHARE_MALFORMED",
      "ALIGNMENT_MISMATCH",
      "TOTAL_ALTERED",
      "TOTAL_IMPLAUSIBLE",
      "ANSWER_MALFORMED",
      "HINT_MALFORMED",
    ],
    run: totalWith,
  },
];
