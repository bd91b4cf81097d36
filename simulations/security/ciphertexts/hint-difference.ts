import { type RingLayout, LocalShard, RlweIndex, ringLayout } from "../../../crypto/index.ts";
import { defaultChunk } from "../../../cli/default-chunk.ts";
import { mean } from "../../metrics.ts";
import { type Matrix, cosine, nearest, pick, row } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Attack, AttackResult } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { divide } from "../victim.ts";
import { firstCoordinates } from "./game-layout.ts";
import { type EntryLattice, HintEquations } from "./hint-equations.ts";
import { type DictionaryResult, type HintMode, type LatticeResult, reportHints } from "./hint-report.ts";
import { PublicRing } from "./ring.ts";

const POOL = { quick: 1500, standard: 4000, full: 20_000 };
const TARGETS = { quick: 24, standard: 64, full: 200 };
/** Equations that test a guess: a wrong one passes with a probability of about 10^-40. */
const DICTIONARY_EQUATIONS = 8;
/** Below this a guess is taken for confirmed; the right one has 0.8. */
const CONFIRMED = 3;
/** Dimensions in which a row is solved for, and equations taken: with as many LLL and the nearest plane suffice. */
const LATTICES = [
  { dim: 16, equations: 20 },
  { dim: 32, equations: 40 },
  { dim: 48, equations: 56 },
  { dim: 64, equations: 76 },
];
const DIM_MAX = { quick: 48, standard: 64, full: 64 };

export const hintDifference: Attack = {
  name: "hint-difference",
  title: "A row is read from two versions of a block's hint",
  role: "querier",
  holds: "every hint that a party published, and for the dictionary a pool of texts among which the row's is",
  assumptions:
    "One row was added to a block between two versions whose hints the querier has; what came of the other rows cancels. The querier knows the code, the encoder and the federation's seed, and, for an encoder that counts words, only counts of its own. In its favour: the pool holds the very text of each row. The lattice attack needs no text at all; it is run in dimensions where plain LLL in this process suffices, on the first coordinates of real vectors where the encoder has more. Not run: stronger reduction, which goes further, and the lattice of a candidate text's own words alone, which would take the place of exact word counts.",
  method:
    "The difference of the hints is a set of linear equations modulo q in the row's entries with errors of deviation 724. Candidate texts are put in: the right one leaves errors, every other one anything. Without candidates: the equations are the same for every slot, block and party, so one lattice is reduced once a federation, and each row is then read with Babai's nearest plane algorithm.",
  papers: [
    {
      citation: "Lenstra, Lenstra & Lovasz, Factoring polynomials with rational coefficients, 1982",
      id: "doi 10.1007/BF01457454",
    },
    {
      citation: "Babai, On Lovasz' lattice reduction and the nearest lattice point problem, 1986",
      id: "doi 10.1007/BF02579403",
    },
    {
      citation: "Albrecht, Player & Scott, On the concrete hardness of learning with errors, 2015",
      id: "eprint 2015/046",
    },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const { owner, pool } = await vectorsOf(lab);
  const { normMax } = await lab.encoder();
  const layouts = (dim: number): Layouts => layoutsOf(lab, dim, normMax);
  const sizes = LATTICES.filter(({ dim }) => dim <= Math.min(owner.width, lab.bySize(DIM_MAX)));
  const dictionary: DictionaryResult[] = [];
  for (const [mode, layout] of Object.entries(layouts(owner.width)))
    dictionary.push(await lookUp(lab, mode as HintMode, layout, owner, pool));
  const lattices: LatticeResult[] = [];
  for (const [done, { dim, equations }] of sizes.entries()) {
    const vectors = firstCoordinates(owner, dim);
    const task = { layouts: layouts(dim), vectors, equations };
    lattices.push(...(await solve(lab, task, (share) => lab.progress(1 + done + share, 1 + sizes.length))));
  }
  return reportHints({ dictionary, lattices, dim: owner.width });
}

type Layouts = Readonly<Record<HintMode, RingLayout>>;

/** As `sotto federation create` lays federations out, under one public seed; vertical with two parties, whose totals have twice the norm. */
function layoutsOf(lab: Lab, dim: number, normMax: number): Layouts {
  const common = { dim, chunk: defaultChunk(dim), scoreBits: lab.settings.scoreBits, seed: lab.secret() };
  return {
    vertical: ringLayout({ ...common, normMax: 2 * normMax, parties: 2 }),
    private: ringLayout({ ...common, normMax }),
  };
}

/** The owner's vectors, and the same texts as the querier encodes them: with counts of its own text, which decides with an encoder that counts words. */
async function vectorsOf(lab: Lab): Promise<{ owner: Matrix; pool: Matrix }> {
  const encoder = await lab.encoder();
  const count = lab.bySize(POOL);
  const division = divide(await lab.victim(), { owner: count, attacker: count, seed: lab.settings.seed });
  const owner = await lab.encode(encoder, division.owner);
  if (!encoder.usesStatistics) return { owner, pool: owner };
  return { owner, pool: await lab.encode(encoder, division.owner, lab.statistics(encoder, division.attacker)) };
}

/** A party that added one row: real hints before and after. */
class Owner {
  readonly #index: RlweIndex;
  readonly #layout: RingLayout;
  #block = 0;

  constructor(layout: RingLayout, hintKey: Uint8Array) {
    this.#layout = layout;
    this.#index = new RlweIndex(layout, { openShard: () => new LocalShard(layout, hintKey) });
  }

  /** Hints of a new block of these rows, without its last row and with it. */
  async add(vectors: readonly Float32Array[]): Promise<{ before: Uint8Array; after: Uint8Array; slot: number }> {
    const block = this.#block++;
    const rows = vectors.slice(0, this.#layout.rowsPerBlock).map((vector, slot) => ({ slot, vector }));
    const hint = async (count: number): Promise<Uint8Array> => {
      const staged = await this.#index.stage(block, rows.slice(0, count));
      this.#index.discard();
      return staged!.hint;
    };
    return { before: await hint(rows.length - 1), after: await hint(rows.length), slot: rows.length - 1 };
  }

  close(): Promise<void> {
    return this.#index.close();
  }
}

/** Each target as the last row of a block with others before it. */
async function* additions(
  lab: Lab,
  owner: Matrix,
  targets: readonly number[],
  layout: RingLayout,
): AsyncGenerator<{ target: number; before: Uint8Array; after: Uint8Array; slot: number }> {
  const party = new Owner(layout, lab.secret());
  for (const target of targets) {
    await lab.pause();
    const others = sampleIndices(owner.rows, 1 + Math.floor(lab.random() * (layout.rowsPerBlock - 1)), lab.random);
    const rows = [...others.filter((i) => i !== target), target].map((i) => row(owner, i));
    yield { target, ...(await party.add(rows.slice(-layout.rowsPerBlock))) };
  }
  await party.close();
}

async function lookUp(
  lab: Lab,
  mode: HintMode,
  layout: RingLayout,
  owner: Matrix,
  pool: Matrix,
): Promise<DictionaryResult> {
  const equations = new HintEquations(new PublicRing(layout), DICTIONARY_EQUATIONS);
  const predictions: Float64Array[] = [];
  for (let i = 0; i < pool.rows; i++) {
    if (i % 100 === 0) await lab.pause();
    predictions.push(equations.predict(equations.entries(row(pool, i))));
  }
  const targets = sampleIndices(owner.rows, lab.bySize(TARGETS), lab.random);
  const [matched, falselyConfirmed] = [[] as number[], [] as number[]];
  for await (const { target, before, after, slot } of additions(lab, owner, targets, layout)) {
    const sides = equations.sides(after, before, slot);
    const misfits = predictions.map((predicted) => equations.misfit(sides, predicted));
    // Documents may be the same text.
    const same = (i: number): boolean => row(pool, i).every((x, k) => x === row(pool, target)[k]);
    matched.push(same(misfits.indexOf(Math.min(...misfits))) && Math.min(...misfits) < CONFIRMED ? 1 : 0);
    falselyConfirmed.push(misfits.some((misfit, i) => misfit < CONFIRMED && !same(i)) ? 1 : 0);
  }
  const open = await nearest(pool, pick(owner, targets), { count: 1, by: "distance", signal: lab.signal });
  return {
    mode,
    pool: pool.rows,
    targets: targets.length,
    matched: mean(matched),
    falselyConfirmed: mean(falselyConfirmed),
    open: mean(open.rows.map(([first], i) => (sameVector(pool, first!, targets[i]!) ? 1 : 0))),
  };
}

function sameVector(vectors: Matrix, i: number, j: number): boolean {
  return row(vectors, i).every((x, k) => x === row(vectors, j)[k]);
}

interface LatticeTask {
  readonly layouts: Layouts;
  readonly vectors: Matrix;
  readonly equations: number;
}

/** One reduction; the public polynomials are the same whatever the scale of the rows. */
async function solve(
  lab: Lab,
  { layouts, vectors, equations: count }: LatticeTask,
  onShare: (share: number) => Promise<void>,
): Promise<LatticeResult[]> {
  const lattice = new HintEquations(new PublicRing(layouts.vertical), count).lattice();
  for (const share of lattice.reduce()) await onShare(share);
  const results: LatticeResult[] = [];
  for (const [mode, layout] of Object.entries(layouts))
    results.push({
      mode: mode as HintMode,
      dim: layout.dim,
      ...(await decodeAll(lab, layout, vectors, count, lattice)),
    });
  return results;
}

async function decodeAll(
  lab: Lab,
  layout: RingLayout,
  vectors: Matrix,
  count: number,
  lattice: EntryLattice,
): Promise<Omit<LatticeResult, "mode" | "dim">> {
  const equations = new HintEquations(new PublicRing(layout), count);
  const targets = sampleIndices(vectors.rows, lab.bySize(TARGETS), lab.random);
  const [cosines, withoutError, exact] = [[] as number[], [] as number[], [] as number[]];
  for await (const { target, before, after, slot } of additions(lab, vectors, targets, layout)) {
    const entries = equations.entries(row(vectors, target));
    const decoded = lattice.decode(equations.sides(after, before, slot));
    exact.push(decoded.every((value, i) => value === entries[i]) ? 1 : 0);
    cosines.push(cosine(Float32Array.from(decoded), Float32Array.from(entries)));
    const ofExact = lattice.decode(equations.predict(entries));
    withoutError.push(cosine(Float32Array.from(ofExact), Float32Array.from(entries)));
  }
  return { cosine: mean(cosines), exact: mean(exact), withoutError: mean(withoutError) };
}
