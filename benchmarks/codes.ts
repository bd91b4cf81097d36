import type { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { HammingIndex, RetrievalCoder } from "../crypto/index.ts";
import { type Row, against, measure, noted, versus } from "./measure.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";
import { type HammingSearch, findUsearchHamming } from "./usearch-hamming.ts";
import { unitVectors } from "./vectors.ts";

interface Options {
  readonly rows: number;
  readonly bits: number;
}

const K = 100;
const DIM = 384;
/** The code asked for is a stored one with so many bits in a hundred turned, so that there is something to find. */
const TURNED = 20;
const ENCODED = 2000;

/** Codes on one thread: searched against usearch, and made. */
export function codesCommand(): Command {
  return benchmarkCommand("codes", "retrieval codes on one thread: Hamming search against usearch, encoding", runCodes)
    .option("--rows <count>", "codes searched", wholeNumber(K, 10_000_000), 1_000_000)
    .option("--bits <count>", "length of a code: 64, 128, ... 1024", wholeNumber(64, 1024), 256);
}

async function runCodes({ rows, bits }: Options): Promise<Findings> {
  const codes = randomBytes((rows * bits) / 8);
  const index = new HammingIndex({ bits });
  const started = performance.now();
  index.add(codes);
  const addingMs = performance.now() - started;
  const code = turnedCode(codes.subarray(0, bits / 8));
  say("searching");
  const usearch = await findUsearchHamming(codes, bits / 8);
  const search = await searchRow(index, code, { rows, bits, usearch });
  const findings = [
    search,
    ...sameRows(index, code, usearch),
    noted("adding codes", (1e6 * addingMs) / rows, "ns/code"),
  ];
  say("encoding");
  return { parameters: { rows, bits, k: K }, rows: [...findings, await encodingRow(bits)] };
}

async function searchRow(
  index: HammingIndex,
  code: Uint8Array,
  { rows, bits, usearch }: Options & { readonly usearch: HammingSearch | null },
): Promise<Row> {
  const times = await measure({
    ours: () => index.search(code, K),
    theirs: () => usearch?.scan(code, K),
  });
  const opponent = { name: "usearch, its exact search with distances for free", times: usearch && times.theirs };
  return versus(`top ${K} of ${rows} codes of ${bits} bits`, times.ours, opponent, "<= 1.5");
}

/** Whether usearch finds the same distances. */
function sameRows(index: HammingIndex, code: Uint8Array, usearch: HammingSearch | null): Row[] {
  if (!usearch) return [];
  const theirs = usearch.distances(code, K);
  const differing = index.search(code, K).filter(({ distance }, i) => distance !== theirs[i]).length;
  return [against(`of the top ${K}, distances other than usearch's`, differing, "rows", "<= 0")];
}

async function encodingRow(bits: number): Promise<Row> {
  const vectors = unitVectors(ENCODED, DIM);
  const coder = RetrievalCoder.fit({ dim: DIM, bits, seed: new Uint8Array(32), sample: vectors });
  const { all } = await measure(
    {
      all: () => {
        for (let at = 0; at < vectors.length; at += DIM) coder.encode(vectors.subarray(at, at + DIM));
      },
    },
    { rounds: 5, warmUps: 2 },
  );
  const perSecond = all.map((ms) => (1000 * ENCODED) / ms);
  return noted(`encoding ${DIM} dimensions`, perSecond.toSorted((a, b) => a - b)[2]!, "vectors/s", perSecond);
}

/** xorshift32: the same bytes in every run. */
function randomBytes(count: number): Uint8Array {
  const words = new Int32Array(Math.ceil(count / 4));
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, count);
}

function turnedCode(code: Uint8Array): Uint8Array {
  const turned = code.slice();
  for (let bit = 0; bit < 8 * code.length; bit++) if (bit % 100 < TURNED) turned[bit >> 3]! ^= 1 << (bit & 7);
  return turned;
}
