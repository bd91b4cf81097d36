import { defaultChunk } from "../../../cli/default-chunk.ts";
import { type RingLayout, ClearAsker } from "../../../crypto/index.ts";
import { RlweAsker } from "../../../crypto/secret/index.ts";
import { type Matrix, innerProduct, row } from "../../sealing/matrix.ts";
import type { Label } from "../advantage.ts";
import type { Attack, AttackResult } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { FLAWS, type Flaw, UnsafeEncryption } from "./broken-encryption.ts";
import { ChosenRows } from "./chosen-rows.ts";
import { type Played, type Trial, reportDistinguishing } from "./distinguishing-report.ts";
import { firstCoordinates, labLayout, labQuestions } from "./game-layout.ts";
import { PublicRing } from "./ring.ts";
import {
  type CiphertextView,
  type QuestionView,
  ciphertextStatistics,
  questionView,
  reasked,
  stepBetween,
  viewOf,
  withoutQuestion,
} from "./statistics-of-ciphertexts.ts";

/** Trials at up to four polynomials a question; where there are more, in proportion fewer. */
const TRIALS = { quick: 10_000, standard: 10_000, full: 80_000 };
const TRIALS_MIN = 2000;
const POLYNOMIALS_MAX = { quick: 1, standard: 4, full: 128 };
const FLAWED_TRIALS = { quick: 200, standard: 400, full: 400 };
const QUESTIONS_MAX = 300;
/** Ciphertexts the attacker was told the questions of, to be compared with every other. */
const EARLIER = 4;
type Embeddings = readonly [Float32Array, Float32Array];

/** Two questions as the attacker prepared them. */
interface Game {
  readonly embeddings: Embeddings;
  readonly views: readonly [QuestionView, QuestionView];
}

export const distinguishing: Attack = {
  name: "distinguishing",
  title: "Two chosen questions, one ciphertext: which was asked?",
  role: "coordinator and all parties but the querier",
  holds:
    "the encrypted question as it travels, everything the parties compute from it, and rows of its own choice in a party's index",
  assumptions:
    "The attacker chooses both questions, knows the code, the federation's file and the encoder, and was told the answer of half of the trials before it guesses the others. Every trial has a fresh key. In its favour: it also chooses embeddings that no text has, such as one coordinate alone against nothing. For time alone a question has one polynomial in `quick`, which shows nothing between polynomials, and at most four in `standard`, of the first coordinates of longer embeddings, where the product has one for every 16 to 64 dimensions; each is encrypted in the same way. The pairs of questions share keys between their games: what the same key would have made of another question is computed, since encryption only adds it. Sizes, order and timing are another attack's.",
  method:
    "Some fifty statistics of each ciphertext: how small it is once either question is taken away, in the open, after division by the public polynomials, between polynomials and beside ciphertexts whose questions are known; moments, low bits and correlations; and the same of the answers on chosen rows. Logistic regression learns from half of the trials and guesses the other half. The same distinguisher is run on encryption with one part left out, where it must succeed.",
  papers: [
    {
      citation: "Goldwasser & Micali, Probabilistic encryption, 1984",
      id: "doi 10.1016/0022-0000(84)90070-9",
    },
    {
      citation: "Lyubashevsky, Peikert & Regev, On ideal lattices and learning with errors over rings, 2010",
      id: "eprint 2012/230",
    },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const asked = await labQuestions(lab, QUESTIONS_MAX);
  const layout = await layoutFor(lab, asked.width);
  const questions = firstCoordinates(asked, layout.dim);
  const ring = new PublicRing(layout);
  const games = {
    different: gameOf(ring, mostDifferent(questions)),
    sparse: gameOf(ring, [new Float32Array(layout.dim), new Float32Array(layout.dim).with(0, 1)]),
  };
  const perPolynomial = Math.min(1, 4 / layout.chunks);
  const count = Math.max(TRIALS_MIN, Math.floor(lab.bySize(TRIALS) * perPolynomial));
  const ours = await play(lab, ring, games, count);
  const clear = await playInClear(lab, ring, games);
  const flawed = new Map<Flaw, readonly Trial[]>();
  for (const flaw of FLAWS) flawed.set(flaw, await playFlawed(lab, ring, games.different, flaw));
  return reportDistinguishing(ours, clear, flawed);
}

/** The product's polynomials, as many as there is time for. */
function layoutFor(lab: Lab, dim: number): Promise<RingLayout> {
  const usual = defaultChunk(dim);
  const chunk = lab.settings.effort === "quick" ? 64 : usual;
  return labLayout(lab, { chunk, dim: Math.min(dim, chunk * lab.bySize(POLYNOMIALS_MAX)) });
}

function gameOf(ring: PublicRing, embeddings: Embeddings): Game {
  return { embeddings, views: [questionView(ring, embeddings[0]), questionView(ring, embeddings[1])] };
}

function mostDifferent(questions: Matrix): Embeddings {
  let best: Embeddings = [row(questions, 0), row(questions, 0)];
  let lowest = Infinity;
  for (let i = 0; i < questions.rows; i++) {
    for (let j = i + 1; j < questions.rows; j++) {
      const product = innerProduct(row(questions, i), row(questions, j));
      if (product < lowest) [lowest, best] = [product, [row(questions, i), row(questions, j)]];
    }
  }
  return [best[0].slice(), best[1].slice()];
}

interface Games {
  readonly different: Game;
  readonly sparse: Game;
}

/** The game itself, with the querier's own class and its bytes. */
async function play(lab: Lab, ring: PublicRing, games: Games, count: number): Promise<Played> {
  const { different, sparse } = games;
  const asker = new RlweAsker(ring.layout, { poolSize: 0 });
  const rows = new ChosenRows(ring, lab.secret());
  await rows.open(...different.embeddings);
  const trials = { different: [] as Trial[], sparse: [] as Trial[], rows: [] as Trial[] };
  const earlier: Uint32Array[][] = [];
  const steps = different.views.map((from) => sparse.views.map((to) => stepBetween(from, to)));
  try {
    for (let i = 0; i < EARLIER + count; i++) {
      if (i % 16 === 0) await lab.progress(i, count + EARLIER);
      const bit = coin(lab);
      const { query, secrets } = await asker.ask(different.embeddings[bit]);
      secrets[Symbol.dispose]();
      const view = viewOf(ring, ring.unpack(query));
      if (i < EARLIER) {
        earlier.push(withoutQuestion(view, different.views[bit]));
        continue;
      }
      const statistics = ciphertextStatistics(view, different.views, earlier);
      trials.different.push({ seen: statistics, label: bit });
      trials.rows.push({ seen: [...statistics, ...(await rows.statistics(query))], label: bit });
      const other = coin(lab);
      const moved = reasked(view, steps[bit]![other]!);
      trials.sparse.push(trialOf(moved, sparse, other, earlier));
    }
  } finally {
    asker.close();
    await rows.close();
  }
  return trials;
}

function trialOf(view: CiphertextView, game: Game, bit: Label, earlier: Uint32Array[][]): Trial {
  return { seen: ciphertextStatistics(view, game.views, earlier), label: bit };
}

/** `clear` mode: the same statistics of an embedding that travels as it is. */
async function playInClear(lab: Lab, ring: PublicRing, { different, sparse }: Games): Promise<Played> {
  const rows = new ChosenRows(ring, lab.secret());
  await rows.open(...different.embeddings);
  const asker = new ClearAsker(ring.layout);
  const trials = { different: [] as Trial[], sparse: [] as Trial[], rows: [] as Trial[] };
  for (let i = 0; i < lab.bySize(FLAWED_TRIALS); i++) {
    if (i % 16 === 0) await lab.pause();
    const bit = coin(lab);
    for (const [name, game] of [["different", different] as const, ["sparse", sparse] as const]) {
      const { query, secrets } = await asker.ask(game.embeddings[bit]);
      secrets[Symbol.dispose]();
      const view = questionView(ring, new Float32Array(query.slice().buffer));
      const trial = trialOf(view, game, bit, []);
      trials[name].push(trial);
      if (name === "different") {
        const answers = await rows.statistics(ring.pack(view.ntt));
        trials.rows.push({ seen: [...trial.seen, ...answers], label: bit });
      }
    }
  }
  await rows.close();
  return trials;
}

async function playFlawed(lab: Lab, ring: PublicRing, game: Game, flaw: Flaw): Promise<Trial[]> {
  using unsafe = new UnsafeEncryption(ring, flaw);
  const earlier: Uint32Array[][] = [];
  const trials: Trial[] = [];
  while (trials.length < lab.bySize(FLAWED_TRIALS)) {
    if (trials.length % 16 === 0) await lab.pause();
    const bit = coin(lab);
    const view = viewOf(ring, unsafe.encrypt(game.embeddings[bit]));
    if (earlier.length < EARLIER) earlier.push(withoutQuestion(view, game.views[bit]));
    else trials.push(trialOf(view, game, bit, earlier));
  }
  return trials;
}

function coin(lab: Lab): Label {
  return lab.random() < 0.5 ? 0 : 1;
}
