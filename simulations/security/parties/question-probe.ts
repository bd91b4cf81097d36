import type { Encoder } from "../../../party-node/encoders/index.ts";
import type { BeirQuery } from "../../beir.ts";
import { type Matrix, matrixOf } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { encoderName } from "../encoder-name.ts";
import { divide } from "../victim.ts";
import { alongAxes, guessQuestions } from "./guess-questions.ts";

/** A party learns about questions from which of its rows are fetched, having chosen its rows for that. */
export const questionProbe: Attack = {
  name: "question-probe",
  title: "A party plants rows and watches which are fetched",
  role: "malicious party",
  holds: "rows of its choice, the scores it claims, and which of its rows each question fetches",
  assumptions:
    "The attacker knows the encoder and a list of questions that holds the true one. A questioner fetches the k best of all parties; another party holds the collection that is attacked. Favourable to the attacker: the list is the only thing to choose from.",
  method:
    "It plants rows, either of likely questions or passages, whose scores it overstates so that its own are always among those fetched, or, without a lie, rows of the largest norm along single coordinates. The mean of the fetched rows is its estimate of the question, and the nearest question of the list its guess.",
  papers: [
    {
      citation: "Islam, Kuzu, Kantarcioglu, Access Pattern Disclosure on Searchable Encryption, 2012",
      id: "NDSS 2012",
    },
    {
      citation:
        "Zhang, Katz, Papamanthou, All Your Queries Are Belong to Us: The Power of File-Injection Attacks, 2016",
      id: "USENIX Security 2016",
    },
  ],
  run,
};

/** One question in ten is named. */
const SUCCESS = 0.1;

async function run(lab: Lab): Promise<AttackResult> {
  const { k } = lab.settings;
  const { signal } = lab;
  const rows = lab.bySize({ quick: 1000, standard: 4000, full: 100_000 });
  const victim = await lab.victim();
  const { owner, attacker } = divide(victim, { owner: rows, attacker: rows, seed: lab.settings.seed });
  const findings: Finding[] = [];
  const specs = lab.settings.encoders;
  for (const [done, spec] of specs.entries()) {
    const encoder = await lab.encoder(spec);
    const questions = await encodeQuestions(lab, encoder, victim.queries);
    const honest = await lab.encode(encoder, owner);
    const own = await lab.encode(encoder, attacker);
    await lab.progress(done + 0.5, specs.length);
    const guess = (planted: Matrix, others: Matrix | null): Promise<number> =>
      guessQuestions({ planted, others, questions, k, signal });
    const add = async (how: string, value: Promise<number>): Promise<void> => {
      findings.push(findingOf(`${encoderName(spec)}, ${how}`, await value, questions.rows));
    };
    await add("overstated scores, rows are likely questions", guess(questions, null));
    await add("overstated scores, rows are ordinary passages", guess(own, null));
    await add("honest scores, rows along single coordinates", guess(alongAxes(encoder.dim, encoder.normMax), honest));
    await add("honest scores, rows are ordinary passages", guess(own, honest));
  }
  return {
    findings,
    words: [
      "Whoever delivers passages sees which are wanted. A party that overstates its scores is asked for the nearest of its rows every time, and a party with rows of likely questions then knows what was asked: no encryption of the question changes that, because passages have to come from somebody.",
      "Rows made for it can do the same without a lie where the encoder's vectors are sparse. Admit only parties whose documents you would believe, and look at odd passages of one party that fill an answer.",
    ],
  };
}

async function encodeQuestions(lab: Lab, encoder: Encoder, queries: readonly BeirQuery[]): Promise<Matrix> {
  const most = lab.bySize({ quick: 300, standard: 1000, full: 10_000 });
  const vectors: Float32Array[] = [];
  for (const i of sampleIndices(queries.length, most, lab.random)) {
    vectors.push(await encoder.encodeQuery(queries[i]!.text));
    if (vectors.length % 64 === 0) await lab.pause();
  }
  return matrixOf(vectors, encoder.dim);
}

function findingOf(setting: string, value: number, questions: number): Finding {
  return {
    mode: "private",
    setting,
    metric: "exact match@1 of the question",
    value,
    baseline: 1,
    baselineIs: "clear mode: the question's vector is seen",
    guessing: 1 / questions,
    threshold: SUCCESS,
    direction: "above",
  };
}
