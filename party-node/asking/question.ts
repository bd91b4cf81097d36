import { type Asker, Fault, type QuerySecrets, type RingLayout, sodium } from "../../crypto/index.ts";
import {
  type DescribedBlock,
  type Federation,
  type HopMessage,
  type Identity,
  type ProtocolFaultCode,
  limits,
  locationOf,
  packFloats,
  seal,
} from "../../protocol/index.ts";
import { AnswerReader } from "./answer-reader.ts";
import { querySpan } from "../../operation/tracing/index.ts";
import { abortedFault, throwIfAborted } from "./aborted.ts";
import { Attempts } from "./attempts.ts";
import type { FetchedPassage } from "./fetched-passages.ts";
import { type Accusation, ProvenFault } from "../evidence/index.ts";
import type { CoordinatorLink } from "../link/index.ts";
import type { PartySession } from "./party-session.ts";
import { type CitedPassage, type PartyFault, type PartyOutcome, passagesLimited, refusalFault } from "./result.ts";
import { type Candidate, mergeTop } from "./ranking.ts";

export interface QuestionOptions {
  readonly link: CoordinatorLink;
  readonly identity: Identity;
  readonly federation: Federation;
  readonly layout: RingLayout;
  /** Opens or returns the session with a party. */
  readonly session: (party: string) => Promise<PartySession>;
  readonly parties: readonly string[];
  /** Rows kept of one party. */
  readonly k: number;
  /** Rows kept of all parties together; default k. */
  readonly kept?: number;
  readonly deadlineMs: number;
  /**
   * Told of what a party's own signatures prove against it. @returns Where that is kept, or null. Left out, nothing is kept, and the query's secrets are
   * wiped as soon as its scores are in.
   */
  readonly onEvidence?: EvidenceSink | undefined;
}

/** Beyond the deadline: for the coordinator's word that it is over, and once more for the passages of those that answered up to it. */
export const GRACE_MS = 2000;
/** Takes what is found against a party. What it is given may hold a question in the open. */
export type EvidenceSink = (accusation: Accusation) => string | null;

/** What came of fetching. */
export interface Fetched {
  readonly passages: CitedPassage[];
  readonly faults: Map<string, PartyFault>;
  /** Party -> how many passages were asked for there, delivered or not. */
  readonly asked: Map<string, number>;
}

interface Delivery {
  readonly rows: readonly FetchedPassage[];
  /** As many as the party hands out. */
  readonly most: number;
}

/** One encrypted query, from the ciphertext to the fetched passages. */
export class Question {
  readonly #options: QuestionOptions;
  readonly #secrets: QuerySecrets;
  readonly #queryId = sodium.randombytes_buf(16);
  /** When its deadline is over, by `performance.now()`. */
  readonly #until: number;
  readonly #body: Uint8Array;
  readonly #queryHash: Uint8Array;
  readonly #answerKeys: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  readonly #reader: AnswerReader;
  /** What each party answered, and on which blocks. */
  readonly #answers = new Map<string, { readonly body: Uint8Array; readonly blocks: readonly DescribedBlock[] }>();
  /** A passage as it was shown -> what its party signed for. */
  readonly #fetched = new WeakMap<CitedPassage, FetchedPassage>();
  #best: Candidate[] = [];

  private constructor(options: QuestionOptions, query: Uint8Array, secrets: QuerySecrets) {
    this.#options = options;
    this.#secrets = secrets;
    this.#until = performance.now() + options.deadlineMs;
    this.#answerKeys = sodium.crypto_box_keypair();
    const issuedAtMs = Date.now();
    const signed = { queryId: this.#queryId, issuedAtMs, answerKey: this.#answerKeys.publicKey, query };
    this.#body = seal("query", options.federation.id, signed, options.identity);
    this.#queryHash = sodium.crypto_generichash(32, this.#body, null);
    this.#reader = new AnswerReader({
      ...options,
      secrets,
      queryId: this.#queryId,
      queryHash: this.#queryHash,
      answerKeys: this.#answerKeys,
    });
  }

  /** Spends one query key. @throws Fault EMBEDDING_INVALID. */
  static async encrypt(asker: Asker, embedding: Float32Array, options: QuestionOptions): Promise<Question> {
    const { query, secrets } = await asker.ask(embedding);
    return new Question(options, query, secrets);
  }

  /** The best rows of the parties that have answered so far, at most k of each, best first. */
  get best(): readonly Candidate[] {
    return this.#best;
  }

  /** Wipes the query's secrets; answers that come later cannot be read. */
  dispose(): void {
    this.#secrets[Symbol.dispose]();
    this.#answerKeys.privateKey.fill(0);
  }

  /**
   * Sends the query and yields what became of each party as it is known; ends when all are accounted for, or soon after the deadline.
   *
   * @throws Fault ABORTED, CONNECTION_LOST and the like: whatever a party does wrong becomes its outcome.
   */
  async *scores(signal: AbortSignal | undefined): AsyncGenerator<PartyOutcome> {
    const { link, parties, deadlineMs, k, kept = k } = this.#options;
    const began = performance.now();
    using asking = querySpan("ask", this.#queryId, { parties: parties.length, bytes: this.#body.length });
    const answers = new Map(parties.map((party) => [party, querySpan("answer", this.#queryId, { party })]));
    const arrived: PartyOutcome[] = [];
    let wake: () => void = () => undefined;
    const broken: { why: Error | null } = { why: null };
    /** Parties whose scores are not in, read and ranked; whatever comes of the others is too late. */
    const open = new Set(parties);
    const settle = (outcome: PartyOutcome, best: readonly Candidate[] = []): void => {
      if (!open.delete(outcome.party)) return;
      using answer = answers.get(outcome.party);
      answer?.set({ passages: outcome.passagesScored });
      if (outcome.fault) answer?.failed(outcome.fault.code);
      this.#best = mergeTop(kept, this.#best, best);
      arrived.push(outcome);
      wake();
    };
    const stop = (why: Error): void => {
      broken.why ??= why;
      asking.failed(why instanceof Fault ? why.code : "INTERNAL");
      wake();
    };
    const missing = (party: string, fault: PartyFault): PartyOutcome => ({
      party,
      status: "missing",
      passagesScored: 0,
      ms: performance.now() - began,
      fault,
    });
    const read = async ({ party, body }: Extract<HopMessage, { type: "answer" }>): Promise<void> => {
      try {
        const { best, passagesScored, blocks } = await this.#reader.read(party, body);
        this.#answers.set(party, { body, blocks });
        settle({ party, status: "answered", passagesScored, ms: performance.now() - began }, best);
      } catch (error) {
        if (error instanceof Fault) settle(missing(party, this.#faultOf(error)));
        else stop(error as Error);
      }
    };
    // The coordinator reports the deadline; this one guards against a coordinator that does not, and a party that answers and then stalls.
    const timer = setTimeout(() => {
      const reason = "neither the party nor the coordinator answered in time";
      for (const party of open) settle(missing(party, { code: "DEADLINE_EXCEEDED", reason }));
    }, deadlineMs + GRACE_MS);
    const onAbort = (): void => {
      stop(abortedFault());
    };
    signal?.addEventListener("abort", onAbort);
    const waiting = new Set(parties);
    link.listen(this.#queryId, {
      message: (message) => {
        if ((message.type !== "answer" && message.type !== "refusal") || !waiting.delete(message.party)) return;
        if (message.type === "answer") void read(message);
        else settle(missing(message.party, refusalFault(message)));
      },
      lost: stop,
    });
    try {
      if (signal?.aborted) onAbort();
      else link.send({ type: "query", queryId: this.#queryId, deadlineMs, parties: [...parties], body: this.#body });
      for (let accounted = 0; accounted < parties.length; accounted++) {
        while (arrived.length === 0 && !broken.why) await new Promise<void>((resolve) => (wake = resolve));
        const next = arrived.shift();
        if (!next)
          throw (
            broken.why ?? new Fault<ProtocolFaultCode>("CONNECTION_LOST", "the connection to the coordinator was lost")
          );
        yield next;
      }
    } finally {
      if (!this.#options.onEvidence) this.dispose();
      for (const party of open) answers.get(party)?.[Symbol.dispose]();
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      link.forget(this.#queryId);
      if (waiting.size > 0) link.tell({ type: "cancel", queryId: this.#queryId });
    }
  }

  /**
   * Fetches passages. Every party that answered is asked, for the same number of bytes, whether or not it holds one of them: who holds the
   * answers stays between the querier and the parties.
   *
   * @param best - Those of {@link best} that are wanted.
   * @throws Fault ABORTED.
   */
  async passages(
    answered: readonly string[],
    best: readonly Candidate[],
    signal: AbortSignal | undefined,
  ): Promise<Fetched> {
    const asked = new Map<string, number>();
    const faults = new Map<string, PartyFault>();
    const fetched = new Map<string, CitedPassage>();
    await Promise.all(
      answered.map(async (party) => {
        const wanted = best.filter((candidate) => candidate.party === party);
        using span = querySpan("fetch", this.#queryId, { party });
        try {
          const { rows, most } = await this.#fetch(party, wanted, asked, signal);
          for (const row of rows) {
            const { block, slot, documentId, title, text, ordinal, ...rest } = row;
            const candidate = wanted.find((one) => one.block === block && one.slot === slot);
            if (!candidate) continue;
            const { score } = candidate;
            const passage = { party, documentId, title, text, ordinal, ...locationOf(rest), score };
            fetched.set(candidateKey(candidate), passage);
            this.#fetched.set(passage, row);
          }
          const delivered = wanted.filter((candidate) => fetched.has(candidateKey(candidate))).length;
          if (delivered < wanted.length) faults.set(party, incomplete(wanted.length, delivered, most));
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          span.failed(error.code);
          faults.set(party, this.#faultOf(error));
        }
      }),
    );
    throwIfAborted(signal);
    return { passages: best.flatMap((candidate) => fetched.get(candidateKey(candidate)) ?? []), faults, asked };
  }

  /**
   * Keeps what proves that a passage's score was too high, with what opens the question.
   *
   * @param question - The vector that was asked; copied.
   * @returns Where it is kept, or null.
   */
  accuse(passage: CitedPassage, question: Float32Array): string | null {
    const { onEvidence } = this.#options;
    const { party } = passage;
    const [fetched, answer] = [this.#fetched.get(passage), this.#answers.get(party)];
    const block = answer?.blocks.find((one) => one.block === fetched?.block);
    const secret = onEvidence && fetched && block ? this.#secrets.reveal() : null;
    if (!onEvidence || !fetched || !answer || !block || !secret) return null;
    const { statement, row, documentId, title, text, ordinal, salt, ...rest } = fetched;
    const { occupied, hint, passages } = block;
    const opening = {
      answerKey: this.#answerKeys.privateKey.slice(),
      secret: new Uint8Array(secret.buffer),
      question: packFloats(question),
    };
    const signed = { query: this.#body, answer: answer.body, statement, row };
    const location = locationOf(rest);
    const opened = {
      passage: { documentId, title, text, ordinal, ...location, salt },
      occupied,
      hint,
      passages,
      opening,
    };
    try {
      return onEvidence({ party, claim: { kind: "score-too-high", ...signed, ...opened } });
    } finally {
      for (const bytes of Object.values(opening)) bytes.fill(0);
    }
  }

  #faultOf(error: Fault): PartyFault {
    const kept = error instanceof ProvenFault ? this.#options.onEvidence?.(error.accusation) : null;
    return { code: error.code, reason: error.message, ...(kept == null ? {} : { evidence: kept }) };
  }

  /**
   * One party's passages, or a fault once they have taken what was left of the deadline, and two seconds.
   *
   * @param asked - Is given how many of them the party was asked for.
   */
  async #fetch(
    party: string,
    wanted: readonly Candidate[],
    asked: Map<string, number>,
    signal: AbortSignal | undefined,
  ): Promise<Delivery> {
    let isOver = false;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => {
        late.reject(new Fault<ProtocolFaultCode>("DEADLINE_EXCEEDED", `${party} did not deliver its passages in time`));
      },
      GRACE_MS + Math.max(0, this.#until - performance.now()),
    );
    const onAbort = (): void => {
      late.reject(abortedFault());
    };
    signal?.addEventListener("abort", onAbort);
    const blocks = new Map(this.#answers.get(party)?.blocks.map((block) => [block.block, block]));
    const query = { queryId: this.#queryId, queryHash: this.#queryHash, blocks };
    const { link, deadlineMs } = this.#options;
    // The party gives the same rows again, to whoever asks for them through another coordinator.
    const fetched = new Attempts({ link, deadlineMs, signal }).resume(async () => {
      const session = await this.#options.session(party);
      // Nothing more is asked for once the result is there.
      if (isOver || signal?.aborted) throw abortedFault();
      return { rows: await session.fetch(query, wanted, countAsked(asked, party)), most: session.passagesMost };
    });
    fetched.catch(() => undefined);
    try {
      return await Promise.race([fetched, late.promise]);
    } finally {
      isOver = true;
      signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    }
  }
}

/** @returns Keeps the largest number of passages that a request to the party has named: what it refused or did not deliver it knows of too. */
export function countAsked(asked: Map<string, number>, party: string): (count: number) => void {
  return (count) => {
    asked.set(party, Math.max(count, asked.get(party) ?? 0));
  };
}

/** What is said of a party that has not delivered all that was wanted. */
function incomplete(wanted: number, delivered: number, most: number): PartyFault {
  if (delivered < Math.min(wanted, most))
    return { code: "PASSAGES_MISSING", reason: `${String(wanted - delivered)} of its passages were not delivered` };
  return passagesLimited(most);
}

function candidateKey({ party, block, slot }: Candidate): string {
  return `${party}/${String(block)}/${String(slot)}`;
}

/** @throws Fault QUESTION_EMPTY, QUESTION_TOO_LONG. */
export function checkQuestion(question: string): void {
  if (question.trim() === "") throw new Fault("QUESTION_EMPTY", "the question is empty; type a question in quotes");
  const bytes = Buffer.byteLength(question, "utf8");
  if (bytes > limits.questionBytesMax)
    throw new Fault(
      "QUESTION_TOO_LONG",
      `the question has ${String(bytes)} bytes, at most ${String(limits.questionBytesMax)} are allowed; ask something shorter`,
    );
}
