import { type RingLayout, ringLayout } from "../../../crypto/index.ts";
import { defaultChunk } from "../../../cli/default-chunk.ts";
import type { Encoder } from "../../../party-node/encoders/index.ts";
import { defaultQueryBudget } from "../../../party-node/serving/default-query-budget.ts";
import { type Matrix, row } from "../../sealing/matrix.ts";
import type { Attack, AttackResult } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { type AskedParty, EncryptedParty, ModelledParty } from "./asked-party.ts";
import { type Curve, type CurvePoint, linearCurve, sparseCurve } from "./curves.ts";
import { type ExtractionFigures, type FurtherFigures, type HintFigures, reportOf } from "./extraction-report.ts";
import { HintTester } from "./hints.ts";
import { type Questions, coordinates, ordinary, principalAxes, randomDirections } from "./questions.ts";
import { relinkedShares } from "./relinking.ts";
import { Target, exactScores, matchedShare } from "./target.ts";

/** Shares of the dimensions at which the curves are drawn. */
const SHARES = [0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1];
/** In a quick run. */
const FEW_SHARES = [0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1];
/** And the decoding of sparse vectors, which takes longest. */
const SPARSE_SHARES = [1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8];
const FEW_SPARSE_SHARES = [1 / 16, 1 / 8, 1 / 4];
const SCORE_BITS = [8, 10, 12, 14, 16, 31];
const FEW_SCORE_BITS = [8, 14];
const REPEATED = 3;
/** Above so many dimensions a quick run does less. */
const LARGE_DIM = 256;
/** Beyond so many dimensions covariances take too long. */
const DIM_MAX = 2048;
/** Up to so many chunks a query key is made in a few milliseconds. */
const ENCRYPTED_CHUNKS_MAX = 8;
/** Below this share of entries that are not 0, vectors are taken for sparse. */
const SPARSE_BELOW = 0.5;

export const extraction: Attack = {
  name: "extraction",
  title: "A querier recovers a party's vectors from scores and hints",
  role: "querier",
  holds:
    "a member's right to ask: a score of every passage for each question it chooses, the hints, the encoder, and text of its own of the same kind",
  assumptions:
    "Favourable to the attacker: its text comes from the same collection as the party's, it sends any vector as a question, rows do not change meanwhile, and none of its questions goes to work. It knows how large the errors of scores are. It works alone: members who collude add their budgets.",
  method:
    "It asks along the axes in which vectors of its own text differ most, along single coordinates, in random directions and as people do, and takes each row for its posterior mean; sparse vectors it decodes by approximate message passing. From what it has recovered it guesses words by ridge regression, and it ranks candidate texts by how well they fit the scores. Guessed texts are also tested against hints alone, and rows that were shuffled are linked again by repeated questions.",
  papers: [
    {
      citation:
        "F. Tramèr, F. Zhang, A. Juels, M. Reiter, T. Ristenpart: Stealing machine learning models via prediction APIs, 2016 (equation solving)",
      id: "arXiv 1609.02943",
    },
    {
      citation:
        "E. Candès, J. Romberg, T. Tao: Robust uncertainty principles: exact signal reconstruction from highly incomplete frequency information, 2006",
      id: "arXiv math/0409186",
    },
    {
      citation: "D. Donoho, A. Maleki, A. Montanari: Message-passing algorithms for compressed sensing, 2009",
      id: "arXiv 0907.3574",
    },
    {
      citation: "J. Morris, V. Kuleshov, V. Shmatikov, A. Rush: Text embeddings reveal (almost) as much as text, 2023",
      id: "arXiv 2310.06816",
    },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const specs = lab.settings.encoders.slice(0, 2);
  const figures: ExtractionFigures[] = [];
  let more: FurtherFigures | null = null;
  for (const [i, spec] of specs.entries()) {
    const encoder = await lab.encoder(spec);
    if (encoder.dim > DIM_MAX) continue;
    const attempt = await Attempt.prepare(lab, encoder, (share) => lab.progress((i + share) / specs.length, 1));
    figures.push(await attempt.extract());
    more ??= await attempt.further();
  }
  return reportOf(figures, more, lab.settings);
}

/** The attack on one encoder's vectors. */
class Attempt {
  readonly #lab: Lab;
  readonly #target: Target;
  readonly #progress: (share: number) => Promise<void>;
  readonly #budget: number;
  /** The largest number of questions. */
  readonly #most: number;
  readonly #axes: Questions;

  private constructor(lab: Lab, target: Target, progress: (share: number) => Promise<void>) {
    const { dim } = target.encoder;
    const share = isQuickAndLarge(lab, dim) ? 1 / 8 : 1;
    this.#lab = lab;
    this.#target = target;
    this.#progress = progress;
    this.#budget = Math.min(dim, lab.settings.queryBudget ?? defaultQueryBudget(dim));
    this.#most = Math.max(this.#budget, Math.round(dim * share));
    // All axes of many dimensions take long.
    const axes = isQuickAndLarge(lab, dim) ? Math.max(this.#budget, Math.round(dim / 16)) : dim;
    this.#axes = principalAxes(target.prior, axes);
  }

  static async prepare(lab: Lab, encoder: Encoder, progress: (share: number) => Promise<void>): Promise<Attempt> {
    const isLarge = isQuickAndLarge(lab, encoder.dim);
    const target = await Target.open(lab, encoder, {
      owner: lab.bySize({ quick: isLarge ? 20 : 100, standard: 200, full: 2000 }),
      attacker: lab.bySize({ quick: 600, standard: 1700, full: 10_000 }),
      words: lab.bySize({ quick: 300, standard: 1000, full: 3000 }),
    });
    await progress(0.3);
    return new Attempt(lab, target, progress);
  }

  async extract(): Promise<ExtractionFigures> {
    const { encoder, prior, vectors, attackerVectors } = this.#target;
    await using party = await this.#openParty();
    const texts = await this.#ordinaryTexts();
    const curves = await this.#linearCurves(party.asked, {
      "principal axes": this.#axes.slice(0, this.#most),
      "single coordinates": coordinates(prior, this.#most),
      // Of many dimensions these tell least, unless they are decoded as below.
      ...(!isQuickAndLarge(this.#lab, encoder.dim) && {
        "random directions": randomDirections(encoder.dim, this.#most, this.#lab.random),
      }),
      "ordinary questions": await ordinary(encoder, texts, this.#most),
    });
    if (isSparse(attackerVectors)) curves.push(await this.#sparseCurve(party.asked));
    return {
      encoder: encoder.spec,
      dim: encoder.dim,
      budget: this.#budget,
      isEncrypted: party.isEncrypted,
      bounds: this.#target.bounds(),
      curves,
      matched: await this.#matched(party.asked),
      candidates: vectors.rows + attackerVectors.rows,
    };
  }

  /** What does not depend on the encoder much. */
  async further(): Promise<FurtherFigures> {
    const { encoder, vectors } = this.#target;
    const bits: { bits: number; points: CurvePoint[] }[] = [];
    const hasAllAxes = this.#axes.length >= this.#most;
    const questions = hasAllAxes ? this.#axes : coordinates(this.#target.prior, this.#most);
    for (const scoreBits of hasAllAxes ? SCORE_BITS : FEW_SCORE_BITS) {
      const points = await this.#linearCurve(this.#modelled(scoreBits), questions, [this.#most]);
      bits.push({ bits: scoreBits, points });
    }
    const relinked = await relinkedShares(this.#modelled(), this.#axes.slice(0, REPEATED));
    const hints = await hintFigures(this.#lab, this.#target, layoutOf(encoder, this.#lab.settings.scoreBits));
    return { bits, relinked, rows: vectors.rows, hints };
  }

  async #linearCurves(party: AskedParty, ways: Readonly<Record<string, Questions>>): Promise<Curve[]> {
    const shares = this.#lab.bySize({ quick: FEW_SHARES, standard: SHARES, full: SHARES });
    const at = pointsOf(shares, this.#target.encoder.dim, this.#budget);
    const curves: Curve[] = [];
    for (const [name, questions] of Object.entries(ways)) {
      curves.push({ name, points: await this.#linearCurve(party, questions, at) });
      await this.#progress(0.3 + 0.12 * curves.length);
    }
    return curves;
  }

  #linearCurve(party: AskedParty, questions: Questions, at: readonly number[]): Promise<CurvePoint[]> {
    return linearCurve(this.#lab, { target: this.#target, party, questions, at });
  }

  async #sparseCurve(party: AskedParty): Promise<Curve> {
    const { encoder, vectors } = this.#target;
    const rows = Math.min(vectors.rows, this.#lab.bySize({ quick: 15, standard: 60, full: 300 }));
    const shares = this.#lab.bySize({ quick: FEW_SPARSE_SHARES, standard: SPARSE_SHARES, full: SPARSE_SHARES });
    const at = pointsOf(shares, encoder.dim, this.#budget).filter((count) => count <= this.#most);
    const questions = randomDirections(encoder.dim, at.at(-1)!, this.#lab.random);
    const points = await sparseCurve(this.#lab, { target: this.#target, party, questions, at, rows });
    return { name: "random directions, sparse decoding", points };
  }

  /** The collection's own questions, then what the attacker's passages are called, as many as may be needed. */
  async #ordinaryTexts(): Promise<string[]> {
    const { queries } = await this.#lab.victim();
    return [...queries.map(({ text }) => text), ...this.#target.attacker.map(({ title, text }) => title || text)];
  }

  /** Candidates are the party's own texts and the attacker's, encoded with statistics of the attacker's. */
  async #matched(party: AskedParty): Promise<number> {
    const { encoder, owner, attacker, attackerVectors } = this.#target;
    const questions = this.#axes.slice(0, this.#budget);
    const scores: Float64Array[] = [];
    for (const question of questions) scores.push(await party.ask(question));
    const guessed = await this.#lab.encode(encoder, owner, this.#lab.statistics(encoder, attacker));
    const [ofOwner, ofAttacker] = [guessed, attackerVectors].map((vectors) => exactScores(vectors, questions));
    const expected = ofOwner!.map((own, q) => Float64Array.of(...own, ...ofAttacker![q]!));
    return matchedShare(scores, expected);
  }

  #modelled(scoreBits = this.#lab.settings.scoreBits): AskedParty {
    const { encoder, vectors } = this.#target;
    return new ModelledParty(vectors, layoutOf(encoder, scoreBits), this.#lab.random);
  }

  /** By the encryption itself where questions are cheap, otherwise by its model; `tests/security/extraction.test.ts` holds one to the other. */
  async #openParty(): Promise<{ readonly asked: AskedParty; readonly isEncrypted: boolean } & AsyncDisposable> {
    const { encoder, vectors } = this.#target;
    const layout = layoutOf(encoder, this.#lab.settings.scoreBits);
    const isEncrypted = layout.chunks <= ENCRYPTED_CHUNKS_MAX;
    const party = isEncrypted ? await EncryptedParty.open(vectors, layout, this.#lab.secret()) : null;
    return {
      asked: party ?? this.#modelled(),
      isEncrypted,
      [Symbol.asyncDispose]: async () => {
        await party?.[Symbol.asyncDispose]();
      },
    };
  }
}

function isQuickAndLarge(lab: Lab, dim: number): boolean {
  return dim > LARGE_DIM && lab.settings.effort === "quick";
}

/** Numbers of questions, rising, the budget among them. */
function pointsOf(shares: readonly number[], dim: number, budget: number): number[] {
  const counts = new Set([budget, ...shares.map((share) => Math.round(share * dim))]);
  return [...counts].sort((a, b) => a - b);
}

function isSparse({ data }: Matrix): boolean {
  let present = 0;
  for (const x of data) if (x !== 0) present++;
  return present < SPARSE_BELOW * data.length;
}

function layoutOf({ dim, normMax }: Encoder, scoreBits: number): RingLayout {
  return ringLayout({ dim, normMax, chunk: defaultChunk(dim), scoreBits, seed: new Uint8Array(32).fill(1) });
}

/** Guesses of single rows against hints alone: of a row added by itself, and of a row in a block that is new. */
async function hintFigures(lab: Lab, target: Target, layout: RingLayout): Promise<HintFigures> {
  const tester = new HintTester(layout);
  const count = Math.min(target.vectors.rows - 1, layout.rowsPerBlock - 1, 40);
  const tries = Math.min(count, lab.bySize({ quick: 6, standard: 40, full: 40 }));
  const rows = Array.from({ length: count + 1 }, (_, slot) => ({ slot, vector: row(target.vectors, slot) }));
  const [owner, attacker] = [lab.secret(), lab.secret()];
  const whole = await tester.hintOf(rows, owner);
  const nothing = await tester.hintOf([], owner);
  let [added, unknown, wrong] = [0, 0, 0];
  for (let i = 0; i < tries; i++) {
    await lab.pause();
    const before = await tester.hintOf(
      rows.filter(({ slot }) => slot !== i),
      owner,
    );
    const guess = await tester.hintOf([rows[i]!], attacker);
    const other = await tester.hintOf([{ slot: i, vector: row(target.attackerVectors, i) }], attacker);
    if (tester.confirms(before, whole, guess)) added++;
    if (tester.confirms(nothing, whole, guess)) unknown++;
    if (tester.confirms(before, whole, other)) wrong++;
  }
  return { tries, added: added / tries, unknown: unknown / tries, wrong: wrong / tries };
}
