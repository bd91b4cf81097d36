import { encoderInput } from "../../../party-node/documents/index.ts";
import { pick } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import { encoderName } from "../encoder-name.ts";
import type { Lab } from "../lab.ts";
import type { Effort } from "../settings.ts";
import { divide } from "../victim.ts";
import { type CapCost, capCost } from "./cap-cost.ts";
import { type Concept, concepts } from "./concepts.ts";
import { type Claim, Contest, type Defences, type Harm, NO_DEFENCE, SHOWN } from "./contest.ts";
import { PAYLOAD, type Style, poisonerFor, write } from "./poisons.ts";
import { targetsOf } from "./targets.ts";
import { encodeQuestions, honestVectors, titleOf } from "./vectors.ts";

interface Size {
  /** Passages of the corpus and of the attacker, at most. */
  readonly owner: number;
  readonly attacker: number;
  readonly topics: number;
  /** That the attacker chooses from. */
  readonly words: number;
  /** Numbers of inserted passages that are tried. */
  readonly budgets: number;
}

const SIZES: Readonly<Record<Effort, Size>> = {
  quick: { owner: 1000, attacker: 400, topics: 3, words: 1000, budgets: 3 },
  standard: { owner: 4000, attacker: 1000, topics: 6, words: 3000, budgets: 5 },
  full: { owner: 100_000, attacker: 5000, topics: 24, words: 8000, budgets: 8 },
};

/** Of the corpus, what the malicious party inserts at most. */
export const SHARE_MAX = 0.01;
/** Among which the corpus is dealt out. */
export const HONEST_PARTIES = 4;
/** Of `--party-max`, where it is measured. */
export const PARTY_MAX = 3;

const DEFENDED: Defences = { checkScores: true, dropSuspects: true, partyMax: SHOWN };
const CAPPED: Defences = { ...DEFENDED, partyMax: PARTY_MAX };

/** A way to have passages found. */
export interface Way {
  readonly name: string;
  /** Null for the payload alone. */
  readonly style: Style | null;
  readonly claim: Claim;
}

/** From the bluntest to what is made to get past our defences. */
export const WAYS = [
  { name: "made-up scores", style: null, claim: "anything" },
  { name: "word salad", style: "word salad", claim: "most" },
  { name: "words with commas", style: "words with commas", claim: "most" },
  { name: "questions in plain sentences", style: "questions in plain sentences", claim: "most" },
] as const satisfies readonly Way[];
/** A passage of the attacker's own text with the payload, not made to be found. */
const ORDINARY = "ordinary passage";

/** The same attack without and with what we do about it. */
export interface Measured {
  readonly open: Harm;
  readonly defended: Harm;
  readonly capped: Harm;
}

/** What passages of each kind have come to with one encoder. */
export class Campaign {
  /** The encoder's, for people. */
  readonly name: string;
  /** How many passages were inserted, rising; the last is {@link SHARE_MAX} of the corpus. */
  readonly budgets: readonly number[];
  /** What `--party-max` costs; null where nobody has said which passages answer. */
  readonly capCost: CapCost | null;
  readonly #sums = new Map<string, { questions: number; harms: number[] }>();

  constructor(spec: string, budgets: readonly number[], cost: CapCost | null) {
    this.capCost = cost;
    this.name = encoderName(spec);
    this.budgets = budgets;
  }

  /** @param questions - How many were asked. */
  add(way: string, budget: number, questions: number, harm: (defences: Defences) => Harm): void {
    const key = `${way} ${String(budget)}`;
    const sum = this.#sums.get(key) ?? { questions: 0, harms: [0, 0, 0, 0, 0, 0] };
    const harms = [NO_DEFENCE, DEFENDED, CAPPED].map(harm).flatMap((one) => [one.questions, one.shown]);
    harms.forEach((share, i) => (sum.harms[i]! += share * questions));
    sum.questions += questions;
    this.#sums.set(key, sum);
  }

  /** Over the questions of all topics. */
  of(way: string, budget: number): Measured {
    const { questions, harms } = this.#sums.get(`${way} ${String(budget)}`)!;
    const at = (i: number): Harm => ({ questions: harms[i]! / questions, shown: harms[i + 1]! / questions });
    return { open: at(0), defended: at(2), capped: at(4) };
  }

  /** What an ordinary passage comes to. */
  guessing(budget: number): Harm {
    return this.of(ORDINARY, budget).open;
  }
}

/** @param progress - Told the share that is done, 0..1. */
export async function campaignAgainst(
  lab: Lab,
  spec: string,
  topics: readonly Concept[],
  progress: (share: number) => Promise<void>,
): Promise<Campaign> {
  const size = lab.bySize(SIZES);
  const victim = await lab.victim();
  const { owner, attacker } = divide(victim, { ...size, seed: lab.settings.seed });
  const encoder = await lab.encoder(spec);
  const asked = victim.queries.map(({ text }) => text);
  const questions = await encodeQuestions(encoder, asked);
  const held = Array.from({ length: HONEST_PARTIES }, (_, party) =>
    owner.filter((_, i) => i % HONEST_PARTIES === party),
  );
  const honest = await honestVectors(lab, encoder, held);
  const cost = victim.qrels
    ? await capCost(lab, {
        ids: held.flat().map(({ id }) => id),
        passages: honest,
        questions,
        questionIds: victim.queries.map(({ id }) => id),
        qrels: victim.qrels,
        parties: HONEST_PARTIES,
        partyMax: PARTY_MAX,
      })
    : null;
  await progress(0.3);
  const statistics = lab.statistics(encoder, attacker);
  const contest = await Contest.open(lab, { encoder, honest, questions, statistics });
  const known = topics.flatMap(({ seen }) => seen.map((i) => asked[i]!));
  const poisoner = await poisonerFor(lab, encoder, { questions: known, documents: attacker, most: size.words });
  const ownTitles = attacker.map(titleOf);
  const titles = { texts: ownTitles, vectors: await encodeQuestions(encoder, ownTitles) };
  const most = Math.max(1, Math.round(SHARE_MAX * owner.length));
  const campaign = new Campaign(spec, budgetsUpTo(most, size.budgets), cost);
  for (const [at, { seen, heldOut }] of topics.entries())
    for (const [i, budget] of campaign.budgets.entries()) {
      const seenQuestions = { texts: seen.map((q) => asked[q]!), vectors: pick(questions, seen) };
      const targets = await targetsOf(seenQuestions, titles, { count: budget, random: lab.random, signal: lab.signal });
      const salads: (readonly string[])[] = [];
      for (const target of targets) {
        salads.push(poisoner.words(target));
        await lab.pause();
      }
      for (const { name, style, claim } of WAYS) {
        const texts = targets.map((target, j) => (style ? write(style, target, salads[j]!) : PAYLOAD));
        campaign.add(name, budget, heldOut.length, await contest.enter(texts, claim, heldOut));
      }
      const ordinary = sampleIndices(attacker.length, budget, lab.random);
      const texts = ordinary.map((j) => `${encoderInput(attacker[j]!)} ${PAYLOAD}`);
      campaign.add(ORDINARY, budget, heldOut.length, await contest.enter(texts, "truth", heldOut));
      await progress(0.3 + (0.7 * (at + (i + 1) / campaign.budgets.length)) / topics.length);
    }
  return campaign;
}

/** Topics are what they are, whatever encoder is attacked: the settings' first finds them. */
export async function topicsOf(lab: Lab): Promise<Concept[]> {
  const { queries } = await lab.victim();
  const vectors = await encodeQuestions(
    await lab.encoder(),
    queries.map(({ text }) => text),
  );
  const { random, signal } = lab;
  return concepts(vectors, { count: lab.bySize(SIZES).topics, random, signal });
}

/** From 1 to `most`, about evenly on a scale of factors. */
function budgetsUpTo(most: number, count: number): number[] {
  const budgets = Array.from({ length: count }, (_, i) => Math.round(most ** (i / (count - 1))));
  return [...new Set(budgets)];
}
