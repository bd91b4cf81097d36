import { HammingIndex, RetrievalCoder, hammingDistance } from "../../crypto/index.ts";
import { mean, percentile } from "../metrics.ts";
import { sampleIndices, seededRandom } from "../seeded-random.ts";
import { EDITS } from "./edits.ts";

/** What one party holds, and how it encodes. */
export interface PassageHolder {
  readonly passages: readonly {
    /** Its holder's name for the document. */
    readonly documentId: string;
    /** What the encoder sees: title and text. */
    readonly input: string;
  }[];
  /** By the statistics of its own corpus. */
  readonly encode: (inputs: readonly string[]) => Promise<Float32Array[]>;
  /** The same texts at other parties: name -> by another corpus's statistics. */
  readonly elsewhere: Readonly<Record<string, PassageHolder["encode"]>>;
}

/** Hamming distances of one kind of pair. */
export interface DistanceFigures {
  readonly name: string;
  /** Whether such a pair should count as a near-duplicate. */
  readonly isSame: boolean;
  readonly pairs: number;
  readonly median: number;
  /** Of pairs that are the same the 99th, of others the first percentile: where the two kinds come close. */
  readonly edge: number;
  /** The largest of pairs that are the same, the smallest of others. */
  readonly extreme: number;
  /** For each threshold, the share of pairs at most so far apart. */
  readonly within: readonly number[];
}

export interface DuplicateOptions {
  readonly dim: number;
  readonly bits: number;
  readonly thresholds: readonly number[];
  /** Passages of each holder that are edited. */
  readonly limit: number;
  readonly seed: number;
}

const SAMPLE_MAX = 2000;
/** A passage's nearest different one is looked for among so many. */
const LOOKED_AT = 100;
/** Share of words that two passages have in common from which on they are no different passages. */
const SAME_WORDS = 0.8;

/**
 * Distances of codes between a passage and its edited copies, and between different passages. All holders share one coder.
 *
 * @returns Kinds of which there is no pair are left out.
 */
export async function measureDuplicates(
  holders: readonly PassageHolder[],
  { dim, bits, thresholds, limit, seed }: DuplicateOptions,
): Promise<DistanceFigures[]> {
  const random = seededRandom(seed);
  const vectors: Float32Array[][] = [];
  for (const { passages, encode } of holders) vectors.push(await encode(passages.map(({ input }) => input)));
  const all = vectors.flat();
  const sample = sampleIndices(all.length, SAMPLE_MAX, random).map((i) => all[i]!);
  const coder = RetrievalCoder.fit({ dim, bits, seed: new Uint8Array(32).fill(seed), sample });
  const codes = vectors.map((of) => of.map((vector) => coder.encode(vector)));
  const edited = holders.map(({ passages }) => sampleIndices(passages.length, limit, random));
  const distances = new Map<string, number[]>();
  const note = (kind: string, distance: number): void =>
    void distances.set(kind, [...(distances.get(kind) ?? []), distance]);

  for (const [h, { passages, encode, elsewhere }] of holders.entries()) {
    const inputs = edited[h]!.map((i) => passages[i]!.input);
    const copies = [
      ...Object.entries(EDITS).map(([name, edit]) => ({
        name,
        texts: inputs.map((text) => edit(text, random)),
        by: encode,
      })),
      ...Object.entries(elsewhere).map(([name, by]) => ({ name, texts: inputs, by })),
    ];
    for (const { name, texts, by } of copies)
      for (const [j, vector] of (await by(texts)).entries())
        note(name, hammingDistance(codes[h]![edited[h]![j]!]!, coder.encode(vector)));
  }
  const same = [...distances].map(([name, of]) => figures(name, true, of, thresholds));
  const others = [
    figures("next passage of the same document", false, withinDocuments(holders, codes), thresholds),
    figures("nearest different passage of all", false, nearestOthers(holders, codes, edited, bits), thresholds),
  ];
  return [...same, ...others].filter(({ pairs }) => pairs > 0);
}

function figures(
  name: string,
  isSame: boolean,
  all: readonly number[],
  thresholds: readonly number[],
): DistanceFigures {
  return {
    name,
    isSame,
    pairs: all.length,
    median: percentile(all, 50),
    edge: percentile(all, isSame ? 99 : 1),
    extreme: percentile(all, isSame ? 100 : 0),
    within: thresholds.map((threshold) => mean(all.map((distance) => Number(distance <= threshold)))),
  };
}

type Codes = readonly (readonly Uint8Array[])[];

/** Between neighbours of one document that have not nearly the same words. */
function withinDocuments(holders: readonly PassageHolder[], codes: Codes): number[] {
  return holders.flatMap(({ passages }, h) =>
    passages.flatMap(({ documentId, input }, i) => {
      const next = passages[i + 1];
      if (next?.documentId !== documentId || shareOfWords(input, next.input) >= SAME_WORDS) return [];
      return [hammingDistance(codes[h]![i]!, codes[h]![i + 1]!)];
    }),
  );
}

/** From each of these passages to the nearest of all holders that has not nearly the same words. */
function nearestOthers(
  holders: readonly PassageHolder[],
  codes: Codes,
  of: readonly (readonly number[])[],
  bits: number,
): number[] {
  const index = new HammingIndex({ bits });
  for (const code of codes.flat()) index.add(code);
  const inputs = holders.flatMap(({ passages }) => passages.map(({ input }) => input));
  return holders.flatMap(({ passages }, h) =>
    of[h]!.flatMap((i) => {
      const found = index.search(codes[h]![i]!, LOOKED_AT);
      const other = found.find(({ row }) => shareOfWords(passages[i]!.input, inputs[row]!) < SAME_WORDS);
      return other ? [other.distance] : [];
    }),
  );
}

/** Words in both of the words in either (Jaccard). */
export function shareOfWords(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu))) as [
    Set<string>,
    Set<string>,
  ];
  const both = [...x].filter((word) => y.has(word)).length;
  const either = x.size + y.size - both;
  return either === 0 ? 1 : both / either;
}
