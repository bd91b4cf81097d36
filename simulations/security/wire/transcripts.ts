import type { Encoder } from "../../../party-node/encoders/index.ts";
import { type EndToEndMessage, packFloats, unpackHandles } from "../../../protocol/index.ts";
import { FederationInProcess } from "../../federation/federation-in-process.ts";
import { type Advantage, type Label, type Labelled, distinguish } from "../advantage.ts";
import type { Attack, AttackResult, Chart, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { byLogistic } from "../logistic-regression.ts";
import { encodedBeforehand, rememberingScores } from "./encoded-beforehand.ts";
import { CarelessQuerier } from "./careless-querier.ts";
import { type ChosenQuestions, chooseQuestions } from "./chosen-questions.ts";
import { balancedLabels, byLooks } from "./distinguishing.ts";
import { Recorder, type Transcript, looks, times } from "./transcript.ts";

const PARTIES = ["alpha", "beta", "gamma"];
/** At which the passages of one party, of the greatest length that the splitter makes, exceed one unit of padding. */
const LARGE_K = 32;
const CHART_K = [1, 2, 3, 5, 8, 12, 16, 20, 24, 28, LARGE_K];
const FEW_CHART_K = [1, 5, 12, 20, LARGE_K];

/** One question, as it was seen. */
interface Seen extends Transcript {
  /** How many rows each party was asked to deliver, in the order of {@link PARTIES}. */
  readonly wanted: readonly number[];
}

/** Who asks. */
interface Asker {
  readonly ask: (question: string, k: number) => Promise<unknown>;
  /** Resolves when the querier has nothing left to do for the next question. */
  readonly rest: () => Promise<void>;
}

/** Bytes that came from each of two parties when as many passages were wanted. */
interface Delivered {
  readonly k: number;
  readonly byHolder: number;
  readonly byOther: number;
}

/** A federation whose coordinator and parties write down what they see. */
class Theatre {
  readonly federation: FederationInProcess;
  readonly #lab: Lab;
  readonly #questions: ChosenQuestions["questions"];
  readonly #recorder: Recorder;
  readonly #wanted: Map<string, number>;

  private constructor(
    lab: Lab,
    questions: ChosenQuestions["questions"],
    parts: { federation: FederationInProcess; recorder: Recorder; wanted: Map<string, number> },
  ) {
    this.#lab = lab;
    this.#questions = questions;
    this.federation = parts.federation;
    this.#recorder = parts.recorder;
    this.#wanted = parts.wanted;
  }

  static async open(
    lab: Lab,
    encoder: Encoder,
    { questions, corpora }: ChosenQuestions,
    mode: "private" | "clear",
  ): Promise<Theatre> {
    const recorder = new Recorder(
      await Promise.all(questions.map(async (q) => packFloats(await encoder.encodeQuery(q)))),
    );
    const wanted = new Map<string, number>();
    const watching = (party: string) => ({
      handles: (message: EndToEndMessage): message is never => {
        if (message.type === "fetch") wanted.set(party, unpackHandles(message.handles).length);
        return false;
      },
      async *respond() {},
    });
    const federation = await FederationInProcess.start({
      encoder,
      corpora,
      mode,
      chunk: encoder.dim <= 512 ? 16 : 32,
      observer: recorder.observer,
      handlers: Object.fromEntries(PARTIES.map((party) => [party, [watching(party)]])),
    });
    return new Theatre(lab, questions, { federation, recorder, wanted });
  }

  /** Asks one question or the other, as often in each half of the trials, in an order that nobody knows. */
  async trials(
    { ask, rest }: Asker,
    count: number,
    k: number,
    onTrial: () => Promise<void>,
  ): Promise<Labelled<Seen>[]> {
    const half = (): Label[] => balancedLabels(count / 2, this.#lab.random);
    const trials: Labelled<Seen>[] = [];
    // The first questions of a process take longer.
    for (const question of this.#questions) await ask(question, k);
    for (const label of [...half(), ...half()]) {
      await rest();
      this.#wanted.clear();
      const transcript = await this.#recorder.during(() => ask(this.#questions[label], k));
      trials.push({ label, seen: { ...transcript, wanted: PARTIES.map((party) => this.#wanted.get(party) ?? 0) } });
      await onTrial();
    }
    return trials;
  }

  /** The product's, with this encoder. */
  async querier(encoder: Encoder): Promise<Asker> {
    const client = await this.federation.client("asker", { encoder });
    return { ask: (question, k) => client.query(question, { k }).result, rest: () => client.warm() };
  }

  /** How much the party with the answers to the first question delivers, and how much another one. */
  async delivered({ ask }: Asker, k: number): Promise<Delivered> {
    const { frames } = await this.#recorder.during(() => ask(this.#questions[0], k));
    const bytesOf = (party: string): number =>
      frames.find(({ peer, direction, type }) => peer === party && direction === "in" && type === "relay")?.bytes ?? 0;
    return { k, byHolder: bytesOf("alpha"), byOther: bytesOf("beta") };
  }
}

const seenAs = <From, To>(trials: readonly Labelled<From>[], as: (seen: From) => To): Labelled<To>[] =>
  trials.map(({ label, seen }) => ({ label, seen: as(seen) }));
const byContent = (trials: readonly Labelled<Seen>[]): Advantage =>
  distinguish(
    seenAs(trials, ({ found }) => [found.join()]),
    byLooks,
  );
const bySizes = (trials: readonly Labelled<Seen>[]): Advantage => distinguish(seenAs(trials, looks), byLooks);
const byTimes = (trials: readonly Labelled<Seen>[]): Advantage =>
  distinguish(
    seenAs(trials, (seen) => times(seen, PARTIES)),
    byLogistic,
  );
const byRows = (trials: readonly Labelled<Seen>[]): Advantage =>
  distinguish(
    seenAs(trials, ({ wanted }) => [wanted.join()]),
    byLooks,
  );

function finding(
  setting: string,
  { value, interval, chance }: Advantage,
  baseline: Advantage,
  rest: Pick<Finding, "baselineIs" | "note" | "timed">,
): Finding {
  return {
    mode: "private",
    setting,
    metric: "advantage in telling two questions apart",
    value,
    interval,
    baseline: baseline.value,
    guessing: 0,
    threshold: chance,
    direction: "above",
    ...rest,
  };
}

const CARELESS = "a querier that asks only the parties with an answer for passages";

export const transcripts: Attack = {
  name: "transcripts",
  title: "Two questions are told apart by the messages they cause",
  role: "coordinator and all parties but the querier",
  holds:
    "all messages of a federation over real sockets, as the coordinator and the parties have them, with their times; which question was which in half of them",
  assumptions:
    "The attacker chooses the two questions: of other lengths, with the answers to each at another party. They are asked one after the other on one connection, in an order it does not know. No network blurs the times, which is more favourable than any real federation; each question is asked when the querier has rested, and is encoded beforehand, as on a machine of its own.",
  method:
    "It looks for the question's vector in what is sent; takes the counts, types, sizes and order of the messages of each member for a fingerprint; and trains a logistic regression on the times between them. Half the trials to learn, half to guess. A guesser exceeds the threshold one time in forty.",
  papers: [
    {
      citation:
        "Dyer, Coull, Ristenpart, Shrimpton: Peek-a-Boo, I Still See You: Why Efficient Traffic Analysis Countermeasures Fail, IEEE S&P 2012",
      id: "10.1109/SP.2012.28",
    },
  ],
  run: runTranscripts,
};

async function runTranscripts(lab: Lab): Promise<AttackResult> {
  const count = lab.bySize({ quick: 64, standard: 1000, full: 10_000 });
  const few = lab.bySize({ quick: 12, standard: 80, full: 80 });
  const some = lab.bySize({ quick: 36, standard: 400, full: 4000 });
  const unprotected = lab.bySize({ quick: 16, standard: 24, full: 24 });
  const total = count + some + few + 3 * unprotected;
  let done = 0;
  const onTrial = (): Promise<void> => lab.progress(++done, total);
  const encoder = await lab.encoder();
  const chosen = await chooseQuestions(lab, encoder, lab.bySize({ quick: 120, standard: 300, full: 300 }));
  const { k } = lab.settings;

  const seen = await withTheatre(lab, encoder, chosen, "private", async (theatre) => {
    const remembering = rememberingScores(encoder);
    const rested = await theatre.querier(await encodedBeforehand(remembering, chosen.questions));
    const busy = await theatre.querier(remembering);
    using careless = await CarelessQuerier.connect(theatre.federation);
    const product = await theatre.trials(rested, count, k, onTrial);
    const sharing = await theatre.trials(busy, some, k, onTrial);
    const large = await theatre.trials(rested, few, LARGE_K, onTrial);
    const delivered: Delivered[] = [];
    const chart = lab.bySize({ quick: FEW_CHART_K, standard: CHART_K, full: CHART_K });
    for (const rows of chart) delivered.push(await theatre.delivered(rested, rows));
    return {
      product,
      sharing,
      large,
      delivered,
      careless: await theatre.trials(careless, unprotected, k, onTrial),
      carelessLarge: await theatre.trials(careless, unprotected, LARGE_K, onTrial),
    };
  });
  const clear = await withTheatre(lab, encoder, chosen, "clear", async (theatre) =>
    theatre.trials(await theatre.querier(rememberingScores(encoder)), unprotected, k, onTrial),
  );
  const findings = [
    finding("content", byContent(seen.product), byContent(clear), { baselineIs: "clear mode" }),
    finding("counts, sizes and order", bySizes(seen.product), bySizes(seen.careless), { baselineIs: CARELESS }),
    finding("times", byTimes(seen.product), byTimes(seen.careless), { baselineIs: CARELESS, timed: true }),
    finding("times; all on one processor", byTimes(seen.sharing), byTimes(seen.careless), {
      baselineIs: CARELESS,
      timed: true,
      note: "the querier's encoding of a long question slows down the parties beside it",
    }),
    finding(
      `counts, sizes and order; ${String(LARGE_K)} long passages wanted`,
      bySizes(seen.large),
      bySizes(seen.carelessLarge),
      {
        baselineIs: CARELESS,
        note: "known exception: what one party delivers exceeds the 32 KiB it is padded to",
      },
    ),
    finding("rows that parties are asked to deliver", byRows(seen.product), byRows(seen.careless), {
      baselineIs: CARELESS,
      note: "known: a party sees which of its passages are fetched",
    }),
  ];
  return { findings, charts: [chartOf(seen.delivered)], words: wordsOf(findings) };
}

function chartOf(delivered: readonly Delivered[]): Chart {
  const line = (name: string, of: (one: Delivered) => number): Chart["lines"][number] => ({
    name,
    points: delivered.map((one) => [one.k, of(one) / 1024]),
  });
  return {
    title: "What two parties deliver for one question",
    x: { title: "passages wanted (k)" },
    y: { title: "KiB" },
    lines: [
      line("the party with the answers", ({ byHolder }) => byHolder),
      line("a party without", ({ byOther }) => byOther),
    ],
  };
}

async function withTheatre<Value>(
  lab: Lab,
  encoder: Encoder,
  chosen: ChosenQuestions,
  mode: "private" | "clear",
  use: (theatre: Theatre) => Promise<Value>,
): Promise<Value> {
  const theatre = await Theatre.open(lab, encoder, chosen, mode);
  try {
    return await use(theatre);
  } finally {
    await theatre.federation[Symbol.asyncDispose]();
  }
}

function wordsOf([content, sizes, timing, sharing, large, rows]: readonly Finding[]): string[] {
  const says = ({ value, interval }: Finding): string =>
    `${value.toFixed(2)} (95 %: ${interval!.map((end) => end.toFixed(2)).join(" to ")})`;
  const told = (one: Finding): boolean => one.value >= one.threshold;
  return [
    `A coordinator that may choose two questions, and that has seen them asked many times, tells which of them is asked with an advantage of ${says(content!)} by what it can read, and ${says(sizes!)} by counts, sizes and order of messages; 0 is guessing, 1 is always right.`,
    `By the times between messages, ${says(timing!)}: ${
      told(timing!) ? "more than guessing, so something takes longer for one of them" : "no better than guessing"
    }. Where the querier, the coordinator and the parties share one processor, ${says(sharing!)}${
      told(sharing!) ? ": a long question keeps it busy for longer. Run the querier on a machine of its own." : "."
    }`,
    told(large!)
      ? `A question that wants ${String(LARGE_K)} long passages shows who holds them (${says(large!)}): one party then delivers more than the 32 KiB that all deliver.`
      : `A question that wants ${String(LARGE_K)} passages of this text looks as the other does (${says(large!)}); passages of 1,000 characters and more do not.`,
    `Parties that share with the coordinator which of their passages are fetched tell the two questions apart (${says(rows!)}): whoever delivers an answer knows that it did.`,
  ];
}
