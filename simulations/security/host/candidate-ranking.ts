import { type Matrix, pick } from "../../sealing/matrix.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import { divide } from "../victim.ts";
import { apply } from "./matching.ts";
import { type RankingQuality, rankCandidates } from "./ranking.ts";
import { lifted, sealCollection } from "./sealed-collection.ts";
import { unlockRotation } from "./unlock-rotation.ts";

/** Naming every tenth passage among a thousand is a hundred times guessing, and a breach. */
const NAMED = 0.1;
/** A threshold that tells three of four. */
const TOLD = 0.75;
/** Of the sealed passages, those that the poorer pool has: every tenth. */
const SPARSE = 10;

/** Candidates of an attacker, with every owner's passage or some. */
interface Pool {
  /** Shape [candidates][dim]. */
  readonly vectors: Matrix;
  /** For each sealed row the candidate that is its passage, or -1. */
  readonly candidateOf: readonly number[];
}

interface Case {
  readonly rows: Matrix;
  readonly normMax: number;
  readonly full: Pool;
  readonly sparse: Pool;
}

export const candidateRanking: Attack = {
  name: "candidate-ranking",
  title: "Candidate passages are ranked against stored ciphertexts",
  role: "host or stolen disk",
  holds: "the ciphertexts of a sealed collection's embeddings",
  assumptions:
    "Knows the encoder, the code and beta, and has texts of the same kind, among them the true passages (all, or every tenth). No key and no known pairs. Favourable to it: " +
    "the texts it has are from the same source, and unchanged.",
  method:
    "Takes the scale from the norms. Without rotation it ranks candidates by distance. With rotation it first finds the rotation that brings the first three moments of its own texts' " +
    "embeddings to those of the ciphertexts, from many starts, and refines it by matching row by row with Procrustes' rotation in between.",
  papers: [
    {
      citation: "Grave, Joulin, Berthet: Unsupervised Alignment of Embeddings with Wasserstein Procrustes, 2019",
      id: "arXiv 1805.11222",
    },
    {
      citation:
        "Fuchsbauer, Ghosal, Hauke, O'Neill: Approximate Distance-Comparison-Preserving Symmetric Encryption, 2022",
      id: "eprint 2021/1666",
    },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const it = await prepare(lab);
  const { beta, rotation } = lab.settings;
  const shares = lab.bySize({
    quick: [],
    standard: [0.5, 2, 3, 4, 6],
    full: [0.25, 0.5, 2, 3, 4, 6, 8],
  });
  const betas = [...new Set([...shares, 1].map((share) => share * beta))].sort((a, b) => a - b);
  const progress = stepper(lab, betas.length * 2);
  const open = {
    full: await rankCandidates(it.rows, it.full.vectors, it.full.candidateOf, lab.signal),
    sparse: await rankCandidates(it.rows, it.sparse.vectors, it.sparse.candidateOf, lab.signal),
  };
  const measured: Measured[] = [];
  for (const each of betas) {
    const unrotated = await rankUnrotated(lab, it, each);
    const full = await rankRotated(lab, it, it.full, each, progress.step);
    progress.next();
    const sparse = await rankRotated(lab, it, it.sparse, each, progress.step);
    progress.next();
    measured.push({ beta: each, unrotated, full, sparse });
  }
  const here = measured.find((one) => one.beta === beta)!;
  const name = `beta ${String(beta)}`;
  const pool = it.full.vectors.rows;
  return {
    findings: [
      ...findings(`${name}, not rotated`, here.unrotated, open.sparse, it.sparse.vectors.rows),
      ...findings(`${name}, rotated`, here.full, open.full, pool),
      ...findings(`${name}, rotated, a tenth of the passages known`, here.sparse, open.sparse, it.sparse.vectors.rows),
    ],
    charts:
      measured.length < 2
        ? []
        : [
            {
              title: "Passages named among candidates",
              x: { title: "beta, as a share of normMax", log: true },
              y: { title: "exact match@1", domain: [0, 1] },
              lines: [
                { name: "not rotated", points: measured.map((one) => [one.beta, one.unrotated.at1]) },
                { name: "rotated", points: measured.map((one) => [one.beta, one.full.at1]) },
                { name: "rotated, a tenth known", points: measured.map((one) => [one.beta, one.sparse.at1]) },
              ],
              marks: [{ x: beta, label: "this evaluation" }],
            },
          ],
    ...inWords(here, measured, rotation),
  };
}

interface Measured {
  readonly beta: number;
  readonly unrotated: RankingQuality;
  readonly full: RankingQuality;
  readonly sparse: RankingQuality;
}

async function prepare(lab: Lab): Promise<Case> {
  const encoder = await lab.encoder();
  const sizes = lab.bySize({ quick: 1000, standard: 1500, full: 4000 });
  const { owner, attacker } = divide(await lab.victim(), { owner: sizes, attacker: sizes, seed: lab.settings.seed });
  const rows = await lab.encode(encoder, owner);
  const others = encoder.usesStatistics ? null : await lab.encode(encoder, attacker);
  const pool = async (isKnown: (i: number) => boolean): Promise<Pool> => {
    const known = owner.flatMap((_, i) => (isKnown(i) ? [i] : []));
    const vectors = others
      ? stacked(pick(rows, known), others)
      : await lab.encode(encoder, [...known.map((i) => owner[i]!), ...attacker]);
    return { vectors, candidateOf: owner.map((_, i) => known.indexOf(i)) };
  };
  return { rows, normMax: encoder.normMax, full: await pool(() => true), sparse: await pool((i) => i % SPARSE === 0) };
}

function stacked(above: Matrix, below: Matrix): Matrix {
  const data = new Float32Array(above.data.length + below.data.length);
  data.set(above.data);
  data.set(below.data, above.data.length);
  return { data, rows: above.rows + below.rows, width: above.width };
}

/** In the poorer pool, for the presence of a passage. */
async function rankUnrotated(lab: Lab, { rows, normMax, sparse }: Case, beta: number): Promise<RankingQuality> {
  const sealed = sealCollection(lab, rows, { normMax, beta, rotation: false });
  return rankCandidates(sealed.rows, lifted(sparse.vectors, normMax), sparse.candidateOf, lab.signal);
}

async function rankRotated(
  lab: Lab,
  { rows, normMax }: Case,
  pool: Pool,
  beta: number,
  onStep: () => Promise<void>,
): Promise<RankingQuality> {
  const sealed = sealCollection(lab, rows, { normMax, beta, rotation: true });
  const { targets, sources, map } = await unlockRotation(lab, sealed, lifted(pool.vectors, normMax), {
    starts: lab.bySize({ quick: 16, standard: 32, full: 128 }),
    rounds: lab.bySize({ quick: 15, standard: 15, full: 30 }),
    onStep,
  });
  return rankCandidates(targets, apply(map, sources), pool.candidateOf, lab.signal);
}

function findings(setting: string, quality: RankingQuality, open: RankingQuality, candidates: number): Finding[] {
  const finding = (metric: string, value: number, baseline: number, guessing: number, threshold: number): Finding => ({
    mode: "outsourced",
    setting,
    metric,
    value,
    baseline,
    baselineIs: "vectors in the open",
    guessing,
    threshold,
    direction: "above",
  });
  return [
    finding("exact match@1", quality.at1, open.at1, 1 / candidates, NAMED),
    finding("exact match@10", quality.at10, open.at10, 10 / candidates, 2 * NAMED),
    ...(quality.presence === null
      ? []
      : [finding("AUC, passage is among the candidates", quality.presence, open.presence ?? 1, 0.5, TOLD)]),
  ];
}

function inWords(
  here: Measured,
  measured: readonly Measured[],
  rotation: boolean,
): Pick<AttackResult, "words" | "advice"> {
  const mine = rotation ? here.full : here.unrotated;
  const withstands = measured.find(({ beta, full }) => beta >= here.beta && full.at1 < NAMED)?.beta ?? null;
  const words = [
    `Somebody who has a sealed collection (\`outsourced\` and \`double\` store the same), the encoder and a pool of texts with the true ones among them names the passage behind ` +
      `${percent(here.unrotated.at1)} of the ciphertexts without rotation and ${percent(here.full.at1)} with it. Where the pool has a tenth of the passages only, it names, with rotation, ` +
      `${percent(here.sparse.at1)} of those. No key and no known pair is needed` +
      (here.full.at1 < NAMED ? "." : ": texts of the same kind betray the rotation."),
  ];
  if (measured.length > 1)
    words.push(
      withstands === null
        ? "No beta that was tried keeps this attacker from naming passages."
        : `Among the betas tried, ${String(withstands)} is the least at which the rotation keeps this attacker, with collections of this size, below ${percent(NAMED)}. ` +
            "That is no guarantee: more text helps it, and search loses much at such noise (`sotto seal tune`).",
    );
  if (mine.at1 < NAMED) return { words };
  const text =
    "`private` for a collection whose texts, or parts of them, a host could get elsewhere: noise that hides which passage a ciphertext is would hide it from search too.";
  return { words, advice: [{ setting: "--mode", text }] };
}

function stepper(lab: Lab, total: number): { step: () => Promise<void>; next: () => void } {
  let done = 0;
  return {
    step: () => lab.progress(done, total),
    next: () => {
      done++;
    },
  };
}
