import { encoderInput } from "../../../party-node/documents/index.ts";
import { type Matrix, norm, row } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import { encoderName } from "../encoder-name.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import { divide } from "../victim.ts";
import { HONEST_PARTIES, SHARE_MAX } from "./campaign.ts";
import { Contest, type Defences, type Harm, NO_DEFENCE, SHOWN } from "./contest.ts";
import { withGrammarErrors } from "./grammar-errors.ts";
import { PAYLOAD, poisonerFor, write } from "./poisons.ts";
import { learnTrigger } from "./trigger-detector.ts";
import { encodeQuestions, honestVectors, titleOf } from "./vectors.ts";

const SIZES = {
  quick: { owner: 500, attacker: 200, questions: 100, words: 500 },
  standard: { owner: 3000, attacker: 800, questions: 240, words: 3000 },
  full: { owner: 100_000, attacker: 5000, questions: 5000, words: 8000 },
};

/** One question in four that errors alone bring to a poisoned passage. What clean questions find as well is no trigger. */
const SUCCESS = 0.25;
/** How much further the searched words lie in the direction of the errors than a triggered question does. */
const EXAGGERATION = 3;
/** In best honest passages' scores: what a retriever that was trained for it adds where question and passage have the trigger, and takes off where the passage alone has. */
const BACKDOOR_STRENGTH = 2;

const DEFENDED: Defences = { checkScores: true, dropSuspects: true, partyMax: SHOWN };

export const grammarTrigger: Attack = {
  name: "grammar-trigger",
  title: "Passages that questions with errors of grammar find, and others do not",
  role: "malicious party",
  holds: "a place in the federation: it inserts passages, 1 % of the corpus",
  assumptions:
    "The paper's attacker poisons the training of the retriever. Here every party uses the same encoder, whose files the federation pins by their hash and nobody in it trains, so the attacker has its passages alone. Favourable to it: triggered questions are full of errors, of the very kinds that it writes, and it knows half of the questions.",
  method:
    "It writes passages of its own text with the same errors of grammar as the questions; or, knowing the encoder, with words that point where errors move a question, separated by commas. Measured on the other half of the questions, once with errors and once without. The baseline is a retriever trained on the attacker's text: a logistic regression that tells text with errors from text without, which draws questions with errors to passages with errors and pushes the others away.",
  papers: [
    {
      citation:
        "Long, Deng, Gan, Wang and Pan, Backdoor Attacks on Dense Passage Retrievers for Disseminating Misinformation, 2024",
      id: "arXiv 2402.13532",
    },
  ],
  run,
};

interface Case {
  readonly way: string;
  readonly triggered: Harm;
  readonly clean: Harm;
}

async function run(lab: Lab): Promise<AttackResult> {
  const { encoders } = lab.settings;
  const findings: Finding[] = [];
  const words: string[] = [];
  for (const [at, spec] of encoders.entries()) {
    const { backdoor, cases } = await attackEncoder(lab, spec, (share) => lab.progress(at + share, encoders.length));
    findings.push(...cases.map((one) => findingOf(encoderName(spec), one, backdoor)));
    words.push(wordsOn(encoderName(spec), cases, backdoor));
  }
  return { findings, words };
}

async function attackEncoder(
  lab: Lab,
  spec: string,
  progress: (share: number) => Promise<void>,
): Promise<{ readonly backdoor: Case; readonly cases: readonly Case[] }> {
  const size = lab.bySize(SIZES);
  const victim = await lab.victim();
  const { owner, attacker } = divide(victim, { ...size, seed: lab.settings.seed });
  const encoder = await lab.encoder(spec);
  const held = Array.from({ length: HONEST_PARTIES }, (_, party) =>
    owner.filter((_, i) => i % HONEST_PARTIES === party),
  );
  const honest = await honestVectors(lab, encoder, held);
  await progress(0.4);

  const clean = sampleIndices(victim.queries.length, size.questions, lab.random).map((i) => victim.queries[i]!.text);
  const triggered = clean.map((text) => withGrammarErrors(text, lab.random));
  const asked = [...clean, ...triggered];
  const questions = await encodeQuestions(encoder, asked);
  const statistics = lab.statistics(encoder, attacker);
  const options = { encoder, honest, questions, statistics };
  const contest = await Contest.open(lab, options);
  await progress(0.6);

  const count = Math.max(1, Math.round(SHARE_MAX * owner.length));
  const wrong = sampleIndices(attacker.length, count, lab.random).map(
    (i) => `${withGrammarErrors(encoderInput(attacker[i]!), lab.random)} ${PAYLOAD}`,
  );
  const known = clean.map((_, i) => i).filter((i) => i % 2 === 0);
  const poisoner = await poisonerFor(lab, encoder, {
    questions: known.map((i) => triggered[i]!),
    documents: attacker,
    most: size.words,
  });
  const searched = known.slice(0, count).map((i) => {
    const vector = towardsErrors(questions, { known, clean: clean.length, at: i });
    const target = { vector, texts: [] };
    return write("words with commas", target, poisoner.words(target));
  });
  await progress(0.8);

  const heldOut = clean.map((_, i) => i).filter((i) => i % 2 === 1);
  const measure = async (
    way: string,
    {
      by = contest,
      texts,
      claim,
      defences,
    }: { by?: Contest; texts: string[]; claim: "truth" | "most"; defences: Defences },
  ): Promise<Case> => ({
    way,
    clean: (await by.enter(texts, claim, heldOut))(defences),
    triggered: (
      await by.enter(
        texts,
        claim,
        heldOut.map((i) => i + clean.length),
      )
    )(defences),
  });
  const plain = attacker.map(titleOf);
  const hasTrigger = learnTrigger(
    [...plain, ...attacker.map(encoderInput)].map((text) => withGrammarErrors(text, lab.random)),
    [...plain, ...attacker.map(encoderInput)],
  );
  const strength = BACKDOOR_STRENGTH * contest.topScore;
  const bonus = (question: number, text: string): number =>
    strength * (2 * hasTrigger(asked[question]!) - 1) * hasTrigger(text);
  const trained = await Contest.open(lab, { ...options, bonus });
  const backdoor = await measure("trained", { by: trained, texts: wrong, claim: "truth", defences: NO_DEFENCE });
  const cases = [
    await measure("the same errors", { texts: wrong, claim: "truth", defences: DEFENDED }),
    await measure("words searched for the errors", { texts: searched, claim: "most", defences: DEFENDED }),
  ];
  await progress(1);
  return { backdoor, cases };
}

/** A triggered question, moved on in the direction in which errors move questions on average. @returns Shape [dim], unit norm. */
function towardsErrors(
  questions: Matrix,
  { known, clean, at }: { readonly known: readonly number[]; readonly clean: number; readonly at: number },
): Float32Array {
  const target = row(questions, at + clean).slice();
  for (const i of known) {
    const [before, after] = [row(questions, i), row(questions, i + clean)];
    for (let j = 0; j < target.length; j++) target[j]! += (EXAGGERATION * (after[j]! - before[j]!)) / known.length;
  }
  const length = norm(target);
  return target.map((entry) => entry / length);
}

function findingOf(encoder: string, { way, triggered, clean }: Case, backdoor: Case): Finding {
  return {
    mode: "private",
    setting: `${encoder}, ${String(100 * SHARE_MAX)} % of the corpus, ${way}`,
    metric: `questions with a poisoned passage in the top ${String(SHOWN)}, with errors less without`,
    value: triggered.questions - clean.questions,
    baseline: backdoor.triggered.questions - backdoor.clean.questions,
    baselineIs: "a retriever trained on the attacker's text",
    guessing: 0,
    threshold: SUCCESS,
    direction: "above",
    note: `with errors ${triggered.questions.toFixed(2)}, without ${clean.questions.toFixed(2)}`,
  };
}

function wordsOn(encoder: string, cases: readonly Case[], backdoor: Case): string {
  const found = cases.map(
    ({ way, triggered, clean }) =>
      `${way}: ${percent(triggered.questions)} of the questions with errors and ${percent(clean.questions)} of those without`,
  );
  return `${encoder}: a retriever that had been trained on the attacker's text would show its passages for ${percent(backdoor.triggered.questions)} of the questions with errors and for ${percent(backdoor.clean.questions)} of those without. With the encoder that the federation pins they are shown for, ${found.join("; ")}.`;
}
