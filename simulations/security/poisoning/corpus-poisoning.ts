import type { Advice, Attack, AttackResult, Chart, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import type { CapCost } from "./cap-cost.ts";
import { type Campaign, HONEST_PARTIES, PARTY_MAX, SHARE_MAX, WAYS, campaignAgainst, topicsOf } from "./campaign.ts";
import { SHOWN } from "./contest.ts";

/** One question in four of a topic: so many ordinary passages of one corpus are found by about one in ten by themselves. */
const SUCCESS = 0.25;
/** For a single passage, which by itself next to no question finds. */
const SUCCESS_OF_ONE = 0.1;
/** Of what is shown: five times what as many ordinary passages get. */
const SUCCESS_SHOWN = 0.05;

const METRIC = `held-out questions with a poisoned passage in the top ${String(SHOWN)}`;

const CAP_ADVICE: Advice = {
  setting: "--party-max",
  text: `Where not every member of the federation is trusted, ask with --party-max ${String(PARTY_MAX)}: a party that writes its passages to be found then fills at most so much of an answer.`,
};

export const corpusPoisoning: Attack = {
  name: "corpus-poisoning",
  title: "Passages written to be found by questions on a topic",
  role: "malicious party",
  holds: "a place in the federation: it inserts passages, up to 1 % of the corpus, and sends whatever scores it likes",
  assumptions:
    "It has the encoder, text of the same kind, half of the questions on a topic, and knows every defence. Favourable to it: it knows which questions belong together, all its passages aim at one topic, and nobody reads what it inserts before it is asked.",
  method: `The questions it knows are clustered and each cluster gets a passage: a sentence it wants read, and 40 or 120 words found by coordinate search over a vocabulary. What a word adds to a vector it learns by encoding the word alone and beside another, since an ONNX file gives no gradient; for the lexical encoder it takes the words that weigh most. To get past the filter it writes commas, or just repeats the questions it knows in plain sentences. Measured on the other half of the questions, ${String(HONEST_PARTIES)} honest parties.`,
  papers: [
    {
      citation:
        "Ben-Tov and Sharif, GASLITEing the Retrieval: Exploring Vulnerabilities in Dense Embedding-based Search, 2024",
      id: "arXiv 2412.20953",
    },
    {
      citation: "Zhong, Huang, Wettig and Chen, Poisoning Retrieval Corpora by Injecting Adversarial Passages, 2023",
      id: "arXiv 2310.19156",
    },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const { encoders } = lab.settings;
  const topics = await topicsOf(lab);
  const campaigns: Campaign[] = [];
  for (const [at, spec] of encoders.entries())
    campaigns.push(await campaignAgainst(lab, spec, topics, (share) => lab.progress(at + share, encoders.length)));
  const isFilled = campaigns.some((campaign) => {
    const { open, capped } = campaign.of(NATURAL, campaign.budgets.at(-1)!);
    return open.shown - capped.shown >= SUCCESS_SHOWN;
  });
  return {
    findings: campaigns.flatMap(findingsOf),
    charts: [chartOf(campaigns)],
    words: wordsOf(campaigns),
    advice: isFilled ? [CAP_ADVICE] : [],
  };
}

const COMMON = { mode: "private", direction: "above", baselineIs: "a querier that checks nothing" } as const;
const SHARE = `${String(100 * SHARE_MAX)} % of the corpus`;
const NATURAL = WAYS.at(-1)!.name;

function findingsOf(campaign: Campaign): Finding[] {
  const most = campaign.budgets.at(-1)!;
  return [
    ...(most === 1 ? [] : [questionsFinding(campaign, NATURAL, 1)]),
    ...WAYS.map(({ name }) => questionsFinding(campaign, name, most)),
    // Fewer passages than the cap allows are not touched by it.
    ...(most <= PARTY_MAX ? [] : [shownFinding(campaign, most)]),
  ];
}

function shownFinding(campaign: Campaign, most: number): Finding {
  const { open, capped } = campaign.of(NATURAL, most);
  return {
    ...COMMON,
    setting: `${campaign.name}, ${SHARE}, ${NATURAL}, --party-max ${String(PARTY_MAX)}`,
    metric: `share of the top ${String(SHOWN)} that is poisoned`,
    value: capped.shown,
    baseline: open.shown,
    guessing: campaign.guessing(most).shown,
    threshold: SUCCESS_SHOWN,
    note: `never more than ${String(PARTY_MAX)} of ${String(SHOWN)}`,
  };
}

function questionsFinding(campaign: Campaign, way: string, budget: number): Finding {
  const { open, defended } = campaign.of(way, budget);
  return {
    ...COMMON,
    setting: `${campaign.name}, ${budget === 1 ? "one passage" : SHARE}, ${way}`,
    metric: METRIC,
    value: defended.questions,
    baseline: open.questions,
    guessing: campaign.guessing(budget).questions,
    threshold: budget === 1 ? SUCCESS_OF_ONE : SUCCESS,
    note: way === WAYS[0].name ? "the querier: SCORE_INFLATED" : "with --drop-suspects",
  };
}

function chartOf(campaigns: readonly Campaign[]): Chart {
  const line = (campaign: Campaign, way: string, name: string, of: "open" | "defended") => ({
    name: `${campaign.name}, ${name}`,
    points: campaign.budgets.map((budget) => [budget, campaign.of(way, budget)[of].questions] as const),
  });
  return {
    title: "Questions that show a poisoned passage",
    x: { title: "passages inserted", log: true },
    y: { title: "share of held-out questions", domain: [0, 1] },
    lines: campaigns
      .slice(0, 2)
      .flatMap((campaign) => [
        line(campaign, "word salad", "word salad, unchecked", "open"),
        line(campaign, "word salad", "word salad, checked", "defended"),
        line(campaign, "questions in plain sentences", "plain sentences, checked", "defended"),
      ]),
  };
}

function wordsOf(campaigns: readonly Campaign[]): string[] {
  return [
    ...campaigns.map(wordsOn),
    "No check tells likely questions with an advertisement between them from an honest passage that answers them. Passages are shown with the party that holds them, and who may join is agreed beforehand: that is what stands against it.",
    ...campaigns.slice(0, 1).flatMap(({ capCost }) => (capCost ? [costInWords(capCost)] : [])),
  ];
}

function wordsOn(campaign: Campaign): string {
  const most = campaign.budgets.at(-1)!;
  const [forged, salad, commas, natural] = WAYS.map(({ name }) => campaign.of(name, most));
  return `${campaign.name}, ${most === 1 ? "one passage" : `${String(most)} passages`} of a malicious party: made-up scores show them for ${percent(forged!.open.questions)} of the questions on their topic, and for ${percent(forged!.defended.questions)} now that scores are held against the text. Words in a row, without sentences, are shown for ${percent(salad!.open.questions)}, with --drop-suspects for ${percent(salad!.defended.questions)}; the same words with commas for ${percent(commas!.defended.questions)}, and likely questions in plain sentences for ${percent(natural!.defended.questions)}. The last fill ${percent(natural!.open.shown)} of what is shown, with --party-max ${String(PARTY_MAX)} ${percent(natural!.capped.shown)}.`;
}

function costInWords({ uncapped, dealt, byField }: CapCost): string {
  return `--party-max ${String(PARTY_MAX)} is off by default. It takes nDCG@${String(SHOWN)} from ${uncapped.toFixed(3)} to ${dealt.toFixed(3)} where ${String(HONEST_PARTIES)} parties hold like things, and to ${byField.toFixed(3)} where each has a field of its own and the answers lie with one.`;
}
