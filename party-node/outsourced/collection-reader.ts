import {
  type CapriseKey,
  Fault,
  candidateCount,
  doubleNoise,
  liftedNorm,
  questionNoise,
  scoreStandardDeviation,
} from "../../crypto/index.ts";
import type { PackedRow } from "../../protocol/index.ts";
import { throwIfAborted } from "../asking/aborted.ts";
import type { Passage } from "../documents/index.ts";
import type { KeyringEntry } from "../keyring/index.ts";
import type { EndToEndSession } from "../link/index.ts";
import { checkCandidates } from "./candidate-check.ts";
import { CollectionSecrets } from "./collection-secrets.ts";
import { DoubleAsker } from "./double-asker.ts";
import { hostedLayout, hostedScoringOf } from "./double-layout.ts";
import type { OutsourcedFaultCode } from "./faults.ts";
import { type CollectionHeader, openHeader } from "./header.ts";
import { type FreshHeader, RemoteCollection } from "./remote-collection.ts";
import { RowSealer } from "./row-sealer.ts";
import type { SeenSequences } from "./seen-sequences.ts";

/** A passage of a hosted collection with its exact score. */
export interface RankedPassage extends Passage {
  /** Inner product of the question's unit vector and the passage's vector. */
  readonly score: number;
}

/** What asking one collection came to. */
export interface CollectionAnswer {
  /** Best first, at most k. */
  readonly passages: readonly RankedPassage[];
  /** Rows of the collection, at least. */
  readonly rowCount: number;
  /** k': how many rows the host was asked for. */
  readonly candidates: number;
  /** Share of the true top k expected not to be among them. */
  readonly missShare: number;
}

export interface CollectionReaderOptions {
  readonly entry: KeyringEntry;
  /** Opens or returns the session with the host. */
  readonly session: () => Promise<EndToEndSession>;
  readonly seen: SeenSequences;
}

/** What an answer of the host is checked against and opened with. */
interface Candidates {
  readonly rows: readonly PackedRow[];
  readonly fresh: FreshHeader;
  /** Rows the host has said that it has: all of them in `double`, where each has a score; unknown in `outsourced`. */
  readonly listed: number | null;
}

type CandidateShare = Pick<CollectionAnswer, "candidates" | "missShare">;

/** Asks one hosted collection: sends the question as its mode says, opens what comes back, and ranks it exactly. */
export class CollectionReader {
  readonly #options: CollectionReaderOptions;
  readonly #secrets: CollectionSecrets;
  readonly #caprise: CapriseKey;
  readonly #sealer: RowSealer;
  readonly #remote: RemoteCollection;
  readonly #double: DoubleAsker | null;
  #revision = 0;
  #header: CollectionHeader | null = null;
  /** By k, under this header: k' takes longer to find than a host takes to search. */
  readonly #counts = new Map<number, CandidateShare>();

  constructor(options: CollectionReaderOptions) {
    const { entry, session } = options;
    this.#options = options;
    this.#secrets = new CollectionSecrets(entry.current);
    this.#caprise = this.#secrets.capriseKey(entry);
    this.#sealer = new RowSealer(this.#secrets, this.#caprise, entry.encoder.dim);
    const { ciphertextDim: dim } = this.#caprise;
    this.#remote = new RemoteCollection({ session, keyId: this.#secrets.keyId, dim });
    const scoring = hostedScoringOf(entry);
    this.#double = scoring && new DoubleAsker({ ...this.#parts(), layout: hostedLayout(scoring, dim) });
  }

  get entry(): KeyringEntry {
    return this.#options.entry;
  }

  /** Learns the collection's state, and for `double` downloads hints and makes a query key ready. @throws as {@link ask}. */
  async prepare(): Promise<void> {
    if (!this.#header) await this.#open();
    await this.#double?.prepare();
  }

  /** Resolves when the next question costs the least. */
  async warm(): Promise<void> {
    await this.#double?.warm();
  }

  /**
   * @param question - Unit vector, shape [dim]; not modified.
   * @param signal - Aborted: nothing more is sent.
   * @throws Fault ABORTED; of {@link RemoteCollection}; ROW_TAMPERED, HEADER_TAMPERED, HOST_MISBEHAVED, HOST_ROLLED_BACK, CANDIDATES_MISSING, COLLECTION_NOT_FILLED.
   */
  async ask(question: Float32Array, k: number, signal?: AbortSignal): Promise<CollectionAnswer> {
    await this.prepare();
    if (this.#expectHeader().rowCountMin === 0) await this.#open(); // it may have been filled since
    if (this.#expectHeader().rowCountMin === 0) return { passages: [], rowCount: 0, candidates: 0, missShare: 0 };
    const { rows, candidates, missShare } = await this.#checked(this.#asking(question, signal), k);
    const { rowCountMin: rowCount } = this.#expectHeader();
    const passages = rows
      .map((row) => this.#sealer.open(row))
      .map(({ passage, vector }) => ({ ...passage, score: innerProduct(question, vector) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, k);
    return { passages, rowCount, candidates, missShare };
  }

  close(): void {
    this.#double?.close();
    this.#caprise[Symbol.dispose]();
    this.#secrets[Symbol.dispose]();
  }

  #parts() {
    return { remote: this.#remote, session: this.#options.session, keyId: this.#secrets.keyId };
  }

  /** How to put the question, over again if need be: it is encrypted once, for a second encryption would be a second sample of it. */
  #asking(question: Float32Array, signal: AbortSignal | undefined): (candidates: number) => Promise<Candidates> {
    const double = this.#double;
    if (double) {
      const rotated = this.#caprise.rotateQuery(question);
      return (candidates) => double.ask(rotated, { candidates, known: this.#revision, signal });
    }
    const { epsilon } = this.entry.sealing;
    const norm = liftedNorm(this.entry.encoder.normMax);
    const scaled = question.map((coordinate) => norm * coordinate);
    const encrypted = this.#caprise.encryptQuery(scaled, epsilon === null ? {} : { epsilon: epsilon / norm });
    return async (candidates) => {
      throwIfAborted(signal);
      return { ...(await this.#remote.search(encrypted, candidates, this.#revision)), listed: null };
    };
  }

  /**
   * Rows change while they are asked for: what looks wrong is asked for once more before the host is accused, and so is what is too little for a
   * collection that has grown since its header was read.
   */
  async #checked(
    asking: (candidates: number) => Promise<Candidates>,
    k: number,
  ): Promise<CandidateShare & { readonly rows: readonly PackedRow[] }> {
    for (let attempt = 1; ; attempt++) {
      const share = this.#candidates(k);
      const wanted = Math.max(1, share.candidates);
      const sequenceMin = this.#sequenceSeen;
      const { rows, fresh, listed } = await asking(wanted);
      if (fresh) this.#learn(fresh, sequenceMin);
      try {
        checkCandidates(rows, this.#expectHeader(), { wanted, listed });
      } catch (error) {
        if (attempt === 2) throw error;
        this.#revision = 0; // has the header sent again
        continue;
      }
      if (attempt === 2 || !fresh || this.#candidates(k).candidates <= wanted) return { ...share, rows };
    }
  }

  #candidates(k: number): CandidateShare {
    const { rankProfile: profile, rowCountMin: rowCount } = this.#expectHeader();
    if (rowCount === 0 || !profile) return { candidates: Math.min(rowCount, 2 * k), missShare: 0 };
    const count = this.#counts.get(k) ?? candidateCount({ k, noise: this.#noise(), profile, rowCount });
    this.#counts.set(k, count);
    return count;
  }

  /** Standard deviation of what the host ranks by, in units of the exact score. */
  #noise(): number {
    const { encoder, sealing } = this.entry;
    const parameters = { dim: encoder.dim, normMax: encoder.normMax, beta: sealing.beta };
    if (!this.#double) {
      const epsilon = sealing.epsilon === null ? undefined : sealing.epsilon / liftedNorm(encoder.normMax);
      return questionNoise({ ...parameters, epsilon });
    }
    return Math.hypot(doubleNoise(parameters), scoreStandardDeviation(this.#double.layout) / sealing.scale);
  }

  async #open(): Promise<void> {
    const sequenceMin = this.#sequenceSeen;
    this.#learn(await this.#remote.open(), sequenceMin);
  }

  get #sequenceSeen(): number {
    const { seen, entry } = this.#options;
    return seen.get(entry.current.id);
  }

  /** @param sequenceMin - Seen before the host was asked; what was seen since, in a later answer, this one could not show. */
  #learn(fresh: NonNullable<FreshHeader>, sequenceMin: number): void {
    const { seen, entry } = this.#options;
    const header = openHeader(fresh.header, this.#secrets);
    if (header.sequence < sequenceMin)
      throw new Fault<OutsourcedFaultCode>(
        "HOST_ROLLED_BACK",
        "its host shows an older state of the collection than you have seen; tell its owner, who can ingest again",
      );
    if (header.sequence < (this.#header?.sequence ?? 0)) return;
    seen.raise(entry.current.id, header.sequence);
    this.#revision = fresh.revision;
    this.#header = header;
    this.#counts.clear();
  }

  #expectHeader(): CollectionHeader {
    if (!this.#header) throw new TypeError("CollectionReader: not prepared");
    return this.#header;
  }
}

function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
