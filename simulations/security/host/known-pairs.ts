import { type Matrix, cosine, pick, row } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { divide } from "../victim.ts";
import { recoverByLeastSquares, recoverByRotation } from "./pairs.ts";
import { meanOf } from "./principal-axes.ts";
import { rankCandidates } from "./ranking.ts";
import { lifted, sealCollection } from "./sealed-collection.ts";
import { inSourceSpace, unlockRotation } from "./unlock-rotation.ts";

/** Of the embedding's dimension: how many pairs are known. */
const SHARES = [1 / 8, 1 / 4, 1 / 2, 1, 2];
/** Of dimensions too large for that, in a quick run. */
const SHARES_QUICK = [1 / 16, 1 / 8, 1 / 4, 1 / 2];
const WIDE = 256;
/** Above this many pairs Procrustes' rotation takes minutes here, and least squares are as good. */
const ROTATION_PAIRS_MAX = 150;
/** Naming every tenth passage among a thousand is a hundred times guessing, and a breach. */
const NAMED = 0.1;

/** Of the way from guessing to the truth: this much without pairs makes them needless. */
const UNAIDED = 0.25;

export const knownPairs: Attack = {
  name: "known-pairs",
  title: "Known pairs open the scale and the rotation",
  role: "host with known pairs",
  holds: "the ciphertexts of a sealed collection's embeddings, and the text of some of them",
  assumptions:
    "Knows the encoder, the code, beta and, for m of the rows, which text they hold: from a leak, or because it had them inserted. No key. Favourable to it: the known rows are a fair sample.",
  method:
    "Takes the scale from the norms, then the rotation from the pairs, by orthogonal Procrustes and by ridge regression, and recovers rows that it does not know. It has the better of both.",
  papers: [
    {
      citation: "Schönemann: A generalized solution of the orthogonal Procrustes problem, 1966",
      id: "doi 10.1007/BF02289451",
    },
    {
      citation:
        "Fuchsbauer, Ghosal, Hauke, O'Neill: Approximate Distance-Comparison-Preserving Symmetric Encryption, 2022",
      id: "eprint 2021/1666",
    },
  ],
  run,
};

interface Point {
  readonly pairs: number;
  /** Null where it was not tried. */
  readonly byRotation: number | null;
  readonly byLeastSquares: number;
  readonly at1: number;
}

async function run(lab: Lab): Promise<AttackResult> {
  const encoder = await lab.encoder();
  const { normMax, dim } = encoder;
  const { beta, seed } = lab.settings;
  const heldOutCount = lab.bySize({ quick: 200, standard: 500, full: 1000 });
  const shares = dim > WIDE ? lab.bySize({ quick: SHARES_QUICK, standard: SHARES, full: SHARES }) : SHARES;
  const documents = await lab.victim();
  const { owner, attacker } = divide(documents, {
    owner: Math.max(1000, Math.round(shares.at(-1)! * dim) + heldOutCount),
    attacker: 1000,
    seed,
  });
  const vectors = await lab.encode(encoder, owner);
  const open = lifted(vectors, normMax);
  const own = lifted(await lab.encode(encoder, attacker), normMax);
  const sealed = sealCollection(lab, vectors, { normMax, beta, rotation: true });
  const heldOut = sampleIndices(owner.length, Math.min(heldOutCount, owner.length >> 1), lab.random);
  const isHeldOut = new Set(heldOut);
  const knowable = shuffled(
    owner.flatMap((_, i) => (isHeldOut.has(i) ? [] : [i])),
    lab.random,
  );
  const counts = [...new Set(shares.map((share) => Math.min(knowable.length, Math.round(share * dim))))];
  const goal = { open: pick(open, heldOut), sealed: pick(sealed.rows, heldOut) };
  const points: Point[] = [];
  for (const [i, pairs] of counts.entries()) {
    await lab.progress(i, counts.length + 1);
    const known = { open: pick(open, knowable.slice(0, pairs)), sealed: pick(sealed.rows, knowable.slice(0, pairs)) };
    const linear = recoverByLeastSquares(known, goal.sealed, sealed.noiseVariance);
    await lab.pause();
    const rotated = pairs > ROTATION_PAIRS_MAX ? null : recoverByRotation(known, goal.sealed);
    const [byLeastSquares, byRotation] = [meanCosine(linear, goal.open), rotated && meanCosine(rotated, goal.open)];
    const better = rotated && byRotation! > byLeastSquares ? rotated : linear;
    const { at1 } = await rankCandidates(better, open, heldOut, lab.signal);
    points.push({ pairs, byRotation, byLeastSquares, at1 });
  }
  const unaided = inSourceSpace(
    await unlockRotation(lab, sealed, own, {
      starts: lab.bySize({ quick: 8, standard: 32, full: 128 }),
      rounds: 0,
      onStep: () => lab.progress(counts.length, counts.length + 1),
    }),
    sealed.noiseVariance,
  );
  const withoutPairs = meanCosine(pick(unaided, heldOut), goal.open);
  const openAt1 = (await rankCandidates(goal.open, open, heldOut, lab.signal)).at1;
  const mean = Float32Array.from(meanOf(own));
  const guessing = meanCosine({ ...goal.open, data: repeated(mean, heldOut.length) }, goal.open);
  return report({ lab, points, dim, guessing, withoutPairs, openAt1, candidates: open.rows });
}

interface Reported {
  readonly lab: Lab;
  readonly points: readonly Point[];
  readonly dim: number;
  /** The cosine of the mean of the attacker's own text with the rows. */
  readonly guessing: number;
  readonly withoutPairs: number;
  readonly openAt1: number;
  readonly candidates: number;
}

function report({ lab, points, dim, guessing, withoutPairs, openAt1, candidates }: Reported): AttackResult {
  const { beta } = lab.settings;
  const better = ({ byRotation, byLeastSquares }: Point): number => Math.max(byRotation ?? -1, byLeastSquares);
  const base = { mode: "outsourced", baselineIs: "vectors in the open", direction: "above" } as const;
  const findings = points.flatMap((point): Finding[] => {
    const setting = `beta ${String(beta)}, rotated, ${String(point.pairs)} pairs (${(point.pairs / dim).toPrecision(2)} of the dimension)`;
    const cosines = { metric: "cosine of recovered vectors", value: better(point), baseline: 1, guessing };
    const named = { metric: "exact match@1", value: point.at1, baseline: openAt1, guessing: 1 / candidates };
    return [
      // Nearer to the truth than to guessing.
      { ...base, setting, ...cosines, threshold: (1 + guessing) / 2 },
      { ...base, setting, ...named, threshold: NAMED },
    ];
  });
  const enough = points.find((point) => better(point) >= (1 + guessing) / 2);
  const naming = points.find((point) => point.at1 >= NAMED);
  const line = (
    name: string,
    of: (point: Point) => number | null,
  ): NonNullable<AttackResult["charts"]>[number]["lines"][number] => ({
    name,
    points: points.flatMap((point): [number, number][] => {
      const value = of(point);
      return value === null ? [] : [[point.pairs, value]];
    }),
  });
  return {
    findings,
    charts: [
      {
        title: "Rows recovered from known pairs",
        x: { title: "known pairs", log: true },
        y: { title: "cosine of recovered vectors", domain: [0, 1] },
        lines: [
          line("Procrustes", ({ byRotation }) => byRotation),
          line("least squares", ({ byLeastSquares }) => byLeastSquares),
          line("no pairs, text of the same kind", () => withoutPairs),
          line("the mean of other text", () => guessing),
        ],
        marks: [{ x: dim, label: "dimension" }],
      },
    ],
    words: [
      (enough
        ? `A host that knows ${String(enough.pairs)} of the rows (${(enough.pairs / dim).toPrecision(2)} of the embedding's dimension) recovers the others to a cosine of ${better(enough).toFixed(2)}`
        : "No number of known rows that was tried recovers the others well") +
        (naming
          ? `; with ${String(naming.pairs)} it names ${(100 * naming.at1).toFixed(0)} % of them among ${String(candidates)} candidates.`
          : "."),
      (withoutPairs > guessing + UNAIDED * (1 - guessing)
        ? "Pairs are not even needed: from text of the same kind alone"
        : "Without pairs, from text of the same kind alone,") +
        ` the attacker of \`candidate-ranking\` recovers rows to a cosine of ${withoutPairs.toFixed(2)} (always naming the mean row: ${guessing.toFixed(2)}). ` +
        "The rotation is defence in depth; where a host must not learn embeddings, use `private`.",
    ],
  };
}

/** Mean over rows, the lifting coordinate left out. */
function meanCosine(recovered: Matrix, truth: Matrix): number {
  let sum = 0;
  for (let i = 0; i < truth.rows; i++) {
    sum += cosine(row(recovered, i).subarray(0, -1), row(truth, i).subarray(0, -1));
  }
  return sum / truth.rows;
}

function repeated(vector: Float32Array, times: number): Float32Array {
  const data = new Float32Array(vector.length * times);
  for (let i = 0; i < times; i++) data.set(vector, i * vector.length);
  return data;
}

function shuffled(values: readonly number[], random: () => number): number[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
