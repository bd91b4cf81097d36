import { type Asker, Fault, type QuerySecrets, type RingLayout, sodium } from "../../crypto/index.ts";
import {
  type Federation,
  type HopMessage,
  type Identity,
  type ProtocolFaultCode,
  seal,
  verticalParties,
  locationOf,
} from "../../protocol/index.ts";
import { querySpan } from "../../operation/tracing/index.ts";
import type { CoordinatorLink } from "../link/index.ts";
import { abortedFault, throwIfAborted } from "./aborted.ts";
import { Attempts } from "./attempts.ts";
import type { FetchedPassage } from "./fetched-passages.ts";
import type { PartySession } from "./party-session.ts";
import { type Fetched, GRACE_MS, countAsked } from "./question.ts";
import { type CitedPassage, type PartyFault, type PartyOutcome, passagesLimited, refusalFault } from "./result.ts";
import type { Candidate } from "./ranking.ts";
import { type ReadTotal, TotalReader } from "./total-reader.ts";

export interface TotalQuestionOptions {
  readonly link: CoordinatorLink;
  readonly identity: Identity;
  readonly federation: Federation;
  readonly layout: RingLayout;
  /** Opens or returns the session with a party. */
  readonly session: (party: string) => Promise<PartySession>;
  readonly k: number;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What became of the parties' one answer. */
export interface TotalOutcome {
  /** Every party: either all have answered, or all are missing, each with the reason. */
  readonly parties: readonly PartyOutcome[];
  readonly best: readonly Candidate[];
}

type Total = Extract<HopMessage, { type: "total" }>;
/** Why there is no total: of which parties, and what is wrong with them. */
interface Failure {
  readonly why: ReadonlyMap<string, PartyFault>;
}

/** One encrypted query of a vertical federation, whose parties hold different features of the same entities. */
export class TotalQuestion {
  readonly #options: TotalQuestionOptions;
  readonly #parties: readonly string[];
  readonly #secrets: QuerySecrets;
  readonly #queryId = sodium.randombytes_buf(16);
  /** When its deadline is over, by `performance.now()`. */
  readonly #until: number;
  readonly #body: Uint8Array;
  readonly #answerKeys = sodium.crypto_box_keypair();
  readonly #queryHash: Uint8Array;
  readonly #reader: TotalReader;
  #blocks: ReadTotal["blocks"] = new Map();

  private constructor(options: TotalQuestionOptions, query: Uint8Array, secrets: QuerySecrets) {
    const { federation, identity } = options;
    this.#options = options;
    this.#parties = verticalParties(federation);
    this.#secrets = secrets;
    this.#until = performance.now() + options.deadlineMs;
    const checkKey = sodium.randombytes_buf(32);
    const signed = {
      queryId: this.#queryId,
      issuedAtMs: Date.now(),
      answerKey: this.#answerKeys.publicKey,
      query,
      checkKeys: sealToEach(checkKey, this.#parties, federation),
    };
    this.#body = seal("query", federation.id, signed, identity);
    this.#queryHash = sodium.crypto_generichash(32, this.#body, null);
    this.#reader = new TotalReader({
      ...options,
      parties: this.#parties,
      secrets,
      queryId: this.#queryId,
      queryHash: this.#queryHash,
      answerKeys: this.#answerKeys,
      checkKey,
    });
  }

  /** Spends one query key. @throws Fault EMBEDDING_INVALID, VERTICAL_INCOMPLETE. */
  static async encrypt(asker: Asker, embedding: Float32Array, options: TotalQuestionOptions): Promise<TotalQuestion> {
    verticalParties(options.federation);
    const { query, secrets } = await asker.ask(embedding);
    return new TotalQuestion(options, query, secrets);
  }

  /**
   * Sends the query and reads the total; whatever goes wrong with a party is its outcome.
   *
   * @throws Fault ABORTED, CONNECTION_LOST and the like.
   */
  async total(): Promise<TotalOutcome> {
    const began = performance.now();
    using span = querySpan("ask", this.#queryId, { parties: this.#parties.length, bytes: this.#body.length });
    try {
      const said = await this.#ask();
      const read = "why" in said ? said : await this.#read(said);
      const ms = performance.now() - began;
      if ("why" in read) {
        span.failed([...read.why.values()][0]?.code ?? "TOTAL_INCOMPLETE");
        return { parties: this.#missing(read, ms), best: [] };
      }
      const { best, scored, blocks } = read;
      this.#blocks = blocks;
      const answered = (party: string): PartyOutcome => ({
        party,
        status: "answered",
        passagesScored: scored.get(party) ?? 0,
        ms,
      });
      return { parties: this.#parties.map(answered), best };
    } finally {
      this.#secrets[Symbol.dispose]();
      this.#answerKeys.privateKey.fill(0);
    }
  }

  /** @returns The total, or why there is none. */
  async #ask(): Promise<Total | Failure> {
    const { link, deadlineMs, signal } = this.#options;
    const came = Promise.withResolvers<Total | Failure>();
    const timer = setTimeout(() => {
      const late = { code: "DEADLINE_EXCEEDED", reason: "neither the parties nor the coordinator answered in time" };
      came.resolve(failure(this.#parties, late));
    }, deadlineMs + GRACE_MS);
    const onAbort = (): void => {
      came.reject(abortedFault());
    };
    signal?.addEventListener("abort", onAbort);
    const reply = { came: false };
    link.listen(this.#queryId, {
      message: (message) => {
        if (message.type === "total") came.resolve(message);
        else if (message.type === "refusal") came.resolve(failure([message.party], refusalFault(message)));
        else return;
        reply.came = true;
      },
      lost: came.reject,
    });
    try {
      if (signal?.aborted) onAbort();
      else
        link.send({ type: "query", queryId: this.#queryId, deadlineMs, parties: [...this.#parties], body: this.#body });
      return await came.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      link.forget(this.#queryId);
      if (!reply.came) link.tell({ type: "cancel", queryId: this.#queryId });
    }
  }

  async #read(total: Total): Promise<ReadTotal | Failure> {
    const about: { party: string | null } = { party: null };
    try {
      const read = this.#reader.read(total, (party) => {
        about.party = party;
      });
      return await this.#inTime(read);
    } catch (error) {
      if (!(error instanceof Fault) || this.#options.signal?.aborted) throw error;
      const fault = { code: error.code, reason: error.message };
      return failure(about.party === null ? this.#parties : [about.party], fault);
    }
  }

  /** What a party that has answered still has to say, or a fault once that has taken what was left of the deadline, and two seconds. @throws Fault DEADLINE_EXCEEDED, ABORTED. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => {
        late.reject(
          new Fault<ProtocolFaultCode>("DEADLINE_EXCEEDED", "the party answered and then said no more in time"),
        );
      },
      GRACE_MS + Math.max(0, this.#until - performance.now()),
    );
    const onAbort = (): void => {
      late.reject(abortedFault());
    };
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #missing({ why }: Failure, ms: number): PartyOutcome[] {
    const blamed = [...why.keys()].join(", ");
    const reason = `there is no total without ${blamed}`;
    return this.#parties.map((party) => ({
      party,
      status: "missing",
      passagesScored: 0,
      ms,
      fault: why.get(party) ?? { code: "TOTAL_INCOMPLETE", reason },
    }));
  }

  /** Every party is asked for its parts of the same entities. An entity is left out when no party has delivered a part of it. */
  async passages(best: readonly Candidate[]): Promise<Fetched> {
    const asked = new Map<string, number>();
    const faults = new Map<string, PartyFault>();
    const fetched = await Promise.all(
      this.#parties.map(async (party) => {
        let isOver = false;
        try {
          const blocks = this.#blocks.get(party) ?? new Map<number, never>();
          const query = { queryId: this.#queryId, queryHash: this.#queryHash, blocks };
          const { link, deadlineMs, signal } = this.#options;
          const fetched = new Attempts({ link, deadlineMs, signal }).resume(async () => {
            const session = await this.#options.session(party);
            if (isOver || signal?.aborted) throw abortedFault();
            return { parts: await session.fetch(query, best, countAsked(asked, party)), most: session.passagesMost };
          });
          const { parts, most } = await this.#inTime(fetched);
          if (most < best.length) faults.set(party, passagesLimited(most));
          return { party, parts };
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          faults.set(party, { code: error.code, reason: error.message });
          return { party, parts: [] };
        } finally {
          isOver = true;
        }
      }),
    );
    throwIfAborted(this.#options.signal);
    return { passages: best.flatMap((candidate) => cited(candidate, fetched)), faults, asked };
  }
}

function failure(parties: readonly string[], fault: PartyFault): Failure {
  return { why: new Map(parties.map((party) => [party, fault])) };
}

/** An entity with what each party has delivered of it. */
function cited(
  { block, slot, score }: Candidate,
  fetched: readonly { readonly party: string; readonly parts: readonly FetchedPassage[] }[],
): CitedPassage[] {
  const parts = fetched.flatMap(({ party, parts: delivered }) => {
    const part = delivered.find((one) => one.block === block && one.slot === slot);
    return part
      ? [{ party, documentId: part.documentId, title: part.title, text: part.text, ...locationOf(part) }]
      : [];
  });
  const [first] = parts;
  if (!first) return [];
  return [
    {
      party: parts.map(({ party }) => party).join("+"),
      documentId: first.documentId,
      title: parts.find(({ title }) => title !== "")?.title ?? "",
      text: parts.map(({ text }) => text).join("\n\n"),
      ordinal: 0,
      score,
      parts,
    },
  ];
}

function sealToEach(key: Uint8Array, parties: readonly string[], { publicKeyOf }: Federation): Uint8Array {
  const boxes = parties.map((party) => {
    const publicKey = publicKeyOf(party);
    if (!publicKey) throw new TypeError("a party has no key");
    return sodium.crypto_box_seal(key, sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey));
  });
  return Uint8Array.from(Buffer.concat(boxes));
}
