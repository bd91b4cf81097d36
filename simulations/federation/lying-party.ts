import { pino } from "pino";
import { type IndexAnswer, sodium, hexOf } from "../../crypto/index.ts";
import { Collection, type CommittedRow, type ScoredSnapshot } from "../../party-node/serving/collection.ts";
import { QueryService } from "../../party-node/serving/query-service.ts";
import { SessionService } from "../../party-node/serving/session-service.ts";
import type { SaltedPassage } from "../../party-node/store/index.ts";
import { ShareMaker } from "../../party-node/vertical/index.ts";
import {
  type DescribedBlock,
  type HopMessage,
  type ScoredBlock,
  encodeValue,
  openSigned,
  packScoredBlocks,
  queryBody,
  seal,
} from "../../protocol/index.ts";
import { type FederationInProcess, until } from "./federation-in-process.ts";

type Query = Extract<HopMessage, { type: "query" }>;
type Description = ReturnType<Collection["describe"]>[number];

/** What a party knows when it answers. */
export interface Scored {
  readonly queryId: Uint8Array;
  readonly queryHash: Uint8Array;
  /** To which the scores are sealed. */
  readonly answerKey: Uint8Array;
  readonly blocks: readonly ScoredBlock[];
  readonly scores: Uint8Array;
}

/** Where a party departs from the protocol; what is left out it does as it should. */
export interface Lies {
  /** What it sends in place of its true reply to a query; null for nothing. */
  readonly reply?: (truth: HopMessage, query: Query, scored: Scored) => HopMessage | null;
  /** What it says its scores are. */
  readonly scores?: (truth: IndexAnswer) => IndexAnswer;
  /** How it describes a block in place of the truth. */
  readonly describe?: (truth: DescribedBlock) => DescribedBlock;
  /** What it says was in the place of a row that it hands out. */
  readonly committed?: (truth: CommittedRow["stated"]) => CommittedRow["stated"];
  /** Which passage it hands out. */
  readonly passage?: (truth: SaltedPassage) => SaltedPassage;
  /** Whether it takes a message of an end-to-end session at all; `count` is 0 for a session's first. */
  readonly takes?: (count: number) => boolean;
}

class LyingCollection extends Collection {
  lie: NonNullable<Lies["describe"]> = (truth) => truth;
  lieOfScores: NonNullable<Lies["scores"]> = (truth) => truth;
  lieOfRows: NonNullable<Lies["committed"]> = (truth) => truth;

  override async score(...query: Parameters<Collection["score"]>): Promise<ScoredSnapshot> {
    const { answer, ...scored } = await super.score(...query);
    return { ...scored, answer: this.lieOfScores(answer) };
  }

  override committedRow(...row: Parameters<Collection["committedRow"]>): CommittedRow | null {
    const truth = super.committedRow(...row);
    return truth && { ...truth, stated: this.lieOfRows(truth.stated) };
  }

  override describe(...known: Parameters<Collection["describe"]>): Description[] {
    return super.describe(...known).map((truth) => ({ ...truth, ...this.lie(truth) }));
  }

  override describeVersions(...wanted: Parameters<Collection["describeVersions"]>): DescribedBlock[] {
    return super.describeVersions(...wanted).map((truth) => this.lie(truth));
  }
}

/**
 * Serves a party's real store over a real connection and lies where it is told to.
 *
 * @returns Ends the connection.
 */
export async function lyingParty(
  f: FederationInProcess,
  name: string,
  { reply = (truth) => truth, scores, describe, committed, passage, takes = () => true }: Lies,
): Promise<() => Promise<void>> {
  const { federation } = f;
  const party = f.party(name);
  const { identity } = party;
  const store = party.openStore();
  const collection = new LyingCollection(store, party.makeIndex(), () => performance.now());
  if (describe) collection.lie = describe;
  if (scores) collection.lieOfScores = scores;
  if (committed) collection.lieOfRows = committed;
  if (passage) {
    const salted = store.salted.bind(store);
    store.salted = (truth) => passage(salted(truth));
  }
  await collection.refresh();
  const queries = new QueryService({
    identity,
    federation,
    collection,
    shares: federation.terms.vertical ? new ShareMaker({ identity, federation, store }) : undefined,
    now: () => performance.now(),
    wallClock: () => Date.now(),
  });
  const score = async ({ body }: Query): Promise<Scored> => {
    const { queryId, answerKey, query } = openSigned(
      "query",
      federation.id,
      queryBody,
      body,
      federation.publicKeyOf,
    ).value;
    const { answer } = await collection.score(query, new AbortController().signal);
    return { queryId, queryHash: sodium.crypto_generichash(32, body, null), answerKey, ...answer };
  };
  const taken = new Map<string, number>();
  const member = await f.dial(name, (message, connection) => {
    if (message.type === "query") {
      void (async () => {
        const said = reply(await queries.answer(message), message, await score(message));
        if (said) connection.send(said);
      })();
    } else if (message.type === "relay") {
      const session = hexOf(message.session);
      const count = taken.get(session) ?? 0;
      taken.set(session, count + 1);
      if (takes(count)) sessions.receive(message);
    }
  });
  const sessions = new SessionService({
    identity,
    federation,
    store,
    collection,
    queries,
    send: (message) => {
      member.connection.send(message);
    },
    drained: () => Promise.resolve(),
    now: () => performance.now(),
    log: pino({ enabled: false }),
  });
  member.connection.send({ type: "serve", encoder: sodium.from_hex(federation.terms.encoder.fingerprint) });
  await until(() => member.messages.some((message) => message.type === "roster" && message.parties.includes(name)));
  return async () => {
    member.connection.close();
    await member.closed;
    store.close();
  };
}

/** The answer to a query as a party signs and seals it; the two that sign and say who signed are normally the same. */
export function makeAnswer(
  f: FederationInProcess,
  { queryId, queryHash, answerKey, blocks, scores }: Scored,
  name: string,
  signedBy = name,
): HopMessage {
  const sealed = sodium.crypto_box_seal(encodeValue({ blocks: packScoredBlocks(blocks), scores }), answerKey);
  const body = seal(
    "answer",
    f.federation.id,
    { queryId, queryHash, sealed },
    { name, secretKey: f.identity(signedBy).secretKey },
  );
  return { type: "answer", queryId, party: name, body };
}
