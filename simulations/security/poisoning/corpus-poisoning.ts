import type { Attack, AttackResult, Chart, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { type Campaign, HONEST_PARTIES, PARTY_MAX, SHARE_MAX, WAYS, campaignAgainst, topicsOf } from "./campaign.ts";
import { SHOWN } from "./contest.ts";

/** One question in ten of a topic that shows what the attacker wants is worth its while; an ordinary passage of its own gets next to none there. */
const SUCCESS = 0.1;
const METRIC = `held-out questions with a poisoned passage in the top ${String(SHOWN)}`;

export const attack: Attack = {
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
  return { findings: campaigns.flatMap(findingsOf), charts: [chartOf(campaigns)], words: wordsOf(campaigns) };
}

const COMMON = {
  mode: "private",
  threshold: SUCCESS,
  direction: "above",
  baselineIs: "no checks by the querier",
} as const;

function findingsOf(campaign: Campaign): Finding[] {
  const [one, most] = [campaign.budgets[0]!, campaign.budgets.at(-1)!];
  const finding = (way: string, budget: number): Finding => {
    const { open, defended } = campaign.of(way, budget);
    const inserted = budget === 1 ? "one passage" : `${String(100 * SHARE_MAX)} % of the corpus`;
    return {
      ...COMMON,
      setting: `${campaign.name}, ${inserted}, ${way}`,
      metric: METRIC,
      value: defended.questions,
      baseline: open.questions,
      guessing: campaign.guessing(budget).questions,
    };
  };
  const natural = WAYS.at(-1)!.name;
  const { open, capped } = campaign.of(natural, most);
  return [
    ...(one === most ? [] : [finding(natural, one)]),
    ...WAYS.map(({ name }) => finding(name, most)),
    {
      ...COMMON,
      setting: `${campaign.name}, ${String(100 * SHARE_MAX)} % of the corpus, ${natural}, --party-max ${String(PARTY_MAX)}`,
      metric: `share of the top ${String(SHOWN)} that is poisoned`,
      value: capped.shown,
      baseline: open.shown,
      guessing: campaign.guessing(most).shown,
    },
  ];
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
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  return campaigns.map((campaign) => {
    const most = campaign.budgets.at(-1)!;
    const [forged, salad, , natural] = WAYS.map(({ name }) => campaign.of(name, most));
    return `${campaign.name}: a party that makes its scores up is found by ${percent(forged!.open.questions)} of the questions on its topic, and by ${percent(forged!.defended.questions)} once scores are held against the text. Passages of words without sentences go from ${percent(salad!.open.questions)} to ${percent(salad!.defended.questions)} with --drop-suspects. Whoever repeats likely questions in plain sentences is still found by ${percent(natural!.defended.questions)}: no check of ours tells that from an honest passage. It fills ${percent(natural!.open.shown)} of what is shown, ${percent(natural!.capped.shown)} with --party-max ${String(PARTY_MAX)}.`;
  });
}
