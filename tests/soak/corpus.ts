import { questionVector } from "../../benchmarks/precomputed-encoder.ts";
import { unitVectors } from "../../benchmarks/vectors.ts";
import type { DocumentRecord } from "../../party-node/store/index.ts";

const PASSAGES_PER_DOCUMENT = 5;
/** Numbers of one party's documents, and versions of one document, that have seeds of their own. */
const DOCUMENTS_MAX = 4096;
const VERSIONS_MAX = 65_536;
/** From a commit to the store to the last answer without it, on a busy machine: a party looks twice a second, encodes what changed, and answers what waits. */
const LAG_MS = 15_000;
/** Decrypted scores are this near to the exact ones (tests/crypto/precision.test.ts has them ten times nearer). */
const TOLERANCE = 0.003;

/** One version of a document, with when the store has had it: the times around the transactions that brought and took it. */
interface Version {
  readonly party: string;
  readonly number: number;
  readonly version: number;
  /** Shape [PASSAGES_PER_DOCUMENT][dim]. */
  readonly vectors: Float32Array;
  readonly from: { readonly earliest: number; readonly latest: number };
  until: { readonly earliest: number; readonly latest: number } | null;
}

/** A passage as a querier got it. */
export interface SeenPassage {
  readonly party: string;
  readonly documentId: string;
  readonly text: string;
  readonly score: number;
}

/** An answered question. Times are of one clock, the one that {@link SoakCorpus.replace} is given. */
export interface SeenAnswer {
  readonly question: number;
  readonly k: number;
  readonly askedAt: number;
  readonly endedAt: number;
  /** Best first. */
  readonly passages: readonly SeenPassage[];
  /** Parties that answered, and of which no passage is said to be missing. */
  readonly complete: readonly string[];
  /** Whether another party's passages are said to be missing: they have a place in the ranking and are not shown. */
  readonly hasGaps: boolean;
}

/** What every party's store holds and held, in clear: answers are checked against a scan of it. */
export class SoakCorpus {
  readonly #parties: readonly string[];
  readonly #dim: number;
  /** By party, then number: the version that is in the store. */
  readonly #present = new Map<string, Map<number, Version>>();
  #past: Version[] = [];

  /** @param documents - Of each party at first. */
  constructor({
    parties,
    documents,
    dim,
  }: {
    readonly parties: readonly string[];
    readonly documents: number;
    readonly dim: number;
  }) {
    this.#parties = parties;
    this.#dim = dim;
    for (const party of parties) {
      const versions = Array.from({ length: documents }, (_, number) => this.#version(party, number, 0, -Infinity));
      this.#present.set(party, new Map(versions.map((version) => [version.number, version])));
    }
  }

  /** What a party's store is filled with. */
  records(party: string): DocumentRecord[] {
    return [...this.#of(party).values()].map((version) => this.#record(version));
  }

  /** How many documents a party has. */
  documentCount(party: string): number {
    return this.#of(party).size;
  }

  /**
   * Makes another version of documents of a party, or its first for a number not there, and has `write` put them into the store in one transaction.
   *
   * @param now - Of the clock that answers are checked by.
   */
  replace(
    party: string,
    numbers: readonly number[],
    { write, now }: { readonly write: (put: readonly DocumentRecord[]) => void; readonly now: () => number },
  ): void {
    const present = this.#of(party);
    const earliest = now();
    const versions = numbers.map((number) =>
      this.#version(party, number, (present.get(number)?.version ?? -1) + 1, earliest),
    );
    write(versions.map((version) => this.#record(version)));
    const latest = now();
    for (const version of versions) {
      const old = present.get(version.number);
      if (old) this.#past.push(Object.assign(old, { until: { earliest, latest } }));
      present.set(version.number, { ...version, from: { earliest, latest } });
    }
  }

  /** Forgets what no answer to a question asked from now on can hold. */
  forget(oldestAskedAt: number): void {
    this.#past = this.#past.filter(({ until }) => (until?.latest ?? Infinity) + LAG_MS >= oldestAskedAt);
  }

  /** @returns What is wrong with an answer, in words that name no content; null when it is as a scan of the stores has it. */
  whatIsWrong({ question, k, askedAt, endedAt, passages, complete, hasGaps }: SeenAnswer): string | null {
    const vector = questionVector(question, this.#dim);
    const all = [...this.#past, ...this.#parties.flatMap((party) => [...this.#of(party).values()])];
    const possible = all.filter(
      ({ from, until }) => from.earliest <= endedAt && (until?.latest ?? Infinity) + LAG_MS >= askedAt,
    );
    const exact = new Map(possible.flatMap((version) => this.#scored(version, vector)));
    for (const [i, { score, ...passage }] of passages.entries()) {
      const truth = exact.get(nameOf(passage));
      if (truth === undefined) return "a passage that its party did not hold then";
      if (Math.abs(truth - score) > TOLERANCE) return "a score that is not the inner product";
      if (score > (passages[i - 1]?.score ?? Infinity)) return "passages out of order";
    }
    if (new Set(passages.map(nameOf)).size < passages.length) return "a passage twice";
    const last = passages.at(-1)?.score ?? (hasGaps ? Infinity : -Infinity);
    const worst = passages.length < k && !hasGaps ? -Infinity : last;
    const shown = new Set(passages.map(nameOf));
    const steady = possible.filter(
      ({ party, from, until }) =>
        complete.includes(party) && from.latest <= askedAt - LAG_MS && (until?.earliest ?? Infinity) > endedAt,
    );
    const left = steady
      .flatMap((version) => this.#scored(version, vector))
      .some(([name, score]) => !shown.has(name) && score > worst + TOLERANCE);
    return left ? "a passage left out that scores higher than one shown" : null;
  }

  #of(party: string): Map<number, Version> {
    const present = this.#present.get(party);
    if (!present) throw new TypeError(`no party is called ${party}`);
    return present;
  }

  #version(party: string, number: number, version: number, since: number): Version {
    const seed = (this.#parties.indexOf(party) * DOCUMENTS_MAX + number) * VERSIONS_MAX + version;
    const vectors = unitVectors(PASSAGES_PER_DOCUMENT, this.#dim, seed);
    return { party, number, version, vectors, from: { earliest: since, latest: since }, until: null };
  }

  #record({ party, number, version, vectors }: Version): DocumentRecord {
    const documentId = idOf(party, number);
    const rows = Array.from({ length: PASSAGES_PER_DOCUMENT }, (_, ordinal) => ordinal);
    return {
      documentKey: documentId,
      contentHash: String(version),
      passages: rows.map((ordinal) => ({ documentId, title: "", text: textOf(version, ordinal), ordinal })),
      vectors: rows.map((row) => vectors.subarray(row * this.#dim, (row + 1) * this.#dim)),
    };
  }

  /** Name of each passage -> its exact score. */
  #scored({ party, number, version, vectors }: Version, question: Float32Array): [string, number][] {
    return Array.from({ length: PASSAGES_PER_DOCUMENT }, (_, ordinal) => {
      let score = 0;
      for (let i = 0; i < this.#dim; i++) score += question[i]! * vectors[ordinal * this.#dim + i]!;
      return [nameOf({ party, documentId: idOf(party, number), text: textOf(version, ordinal) }), score];
    });
  }
}

const idOf = (party: string, number: number): string => `${party}-${number}`;
const textOf = (version: number, ordinal: number): string => `passage ${ordinal} in version ${version}`;
const nameOf = ({ party, documentId, text }: Omit<SeenPassage, "score">): string => `${party}/${documentId}/${text}`;
