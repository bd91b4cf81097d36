import { z } from "zod";
import { sodium } from "../../../crypto/index.ts";
import type { Encoder } from "../../../party-node/encoders/index.ts";
import { type HopMessage, decodeValue, encodeValue, packFloats, unpackFloats } from "../../../protocol/index.ts";
import { type Answer, type ForgedQuery, type Query, type Shown, type Stage, corpusOf } from "./stage.ts";

const byteString = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const queryBody = z.strictObject({ querier: z.string(), answerKey: byteString, vector: byteString });
const answerBody = z.strictObject({ scores: byteString });
const passageBody = z.array(z.string());

const K = 5;
const PARTIES = ["alpha", "beta", "liar"] as const;

interface Row {
  readonly text: string;
  readonly vector: Float32Array;
}

/** The stage on which nothing protects: values go as they are, and the answers to a question are taken in the order in which its parties were asked. */
export class PlainStage implements Stage {
  relay: Stage["relay"] = (message) => [message];
  reply: Stage["reply"] = (truth) => truth;
  inflates = false;
  readonly arrived: { from: string; message: HopMessage }[] = [];
  readonly #encoder: Encoder;
  readonly #rows: ReadonlyMap<string, readonly Row[]>;

  private constructor(encoder: Encoder, rows: ReadonlyMap<string, readonly Row[]>) {
    this.#encoder = encoder;
    this.#rows = rows;
  }

  static async open(encoder: Encoder): Promise<PlainStage> {
    const rows = new Map<string, readonly Row[]>();
    for (const party of PARTIES) {
      const texts = Object.values(corpusOf(party));
      const statistics = encoder.statistics();
      for (const text of texts) statistics.add(text);
      const vectors = await encoder.encodePassages(texts, statistics);
      rows.set(
        party,
        texts.map((text, i) => ({ text, vector: vectors[i]! })),
      );
    }
    return new PlainStage(encoder, rows);
  }

  async ask(question: string): Promise<Shown> {
    const vector = await this.#encoder.encodeQuery(question);
    const query = makeQuery({ querier: "asker", answerKey: new Uint8Array(32), vector: packFloats(vector) });
    const answers = PARTIES.flatMap((party) =>
      this.relay(query, party).flatMap((sent) => this.#answersTo(party, sent)),
    );
    const ranked = answers
      .slice(0, PARTIES.length)
      .flatMap(({ body }, i) => {
        const scores = unpackFloats(decodeValue(answerBody, body).scores);
        return Array.from(scores, (score, row) => ({ party: PARTIES[i]!, row, score }));
      })
      .sort((a, b) => b.score - a.score)
      .slice(0, K);
    return { passages: ranked.map(({ party, row }) => `${party}: ${this.#fetch(party, row)}`), noticed: [] };
  }

  forge({ name }: ForgedQuery): Promise<Query> {
    const vector = packFloats(new Float32Array(this.#encoder.dim).fill(0.1));
    return Promise.resolve(makeQuery({ querier: name, answerKey: new Uint8Array(32), vector }));
  }

  put(party: string, query: Query): Promise<HopMessage> {
    return Promise.resolve(this.#answer(party, query));
  }

  withAnswerKey(query: Query, publicKey: Uint8Array): Query {
    return { ...query, body: encodeValue({ ...decodeValue(queryBody, query.body), answerKey: publicKey }) };
  }

  canRead(answer: HopMessage): boolean {
    return answer.type === "answer" && decodeValue(answerBody, answer.body).scores.length > 0;
  }

  restart(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** What comes to the querier of a message to a party. */
  #answersTo(party: string, message: HopMessage): Answer[] {
    if (message.type !== "query") return [];
    return this.relay(this.#answer(party, message), "asker").flatMap((sent) => (sent.type === "answer" ? [sent] : []));
  }

  #answer(party: string, { queryId, body }: Query): Answer {
    const query = unpackFloats(decodeValue(queryBody, body).vector);
    const added = party === "liar" && this.inflates ? 100 : 0;
    const scores = this.#rows.get(party)!.map(({ vector }) => vector.reduce((sum, x, i) => sum + x * query[i]!, added));
    const truth: Answer = {
      type: "answer",
      queryId,
      party,
      body: encodeValue({ scores: packFloats(Float32Array.from(scores)) }),
    };
    const said = party === "liar" ? this.reply(truth) : truth;
    this.arrived.push({ from: party, message: said });
    return said;
  }

  #fetch(party: string, row: number): string {
    const body = encodeValue([this.#rows.get(party)![row]?.text ?? ""]);
    const [sent] = this.relay({ type: "relay", session: new Uint8Array(16), peer: party, body }, "asker");
    return sent?.type === "relay" ? (decodeValue(passageBody, sent.body)[0] ?? "") : "";
  }
}

function makeQuery(body: z.infer<typeof queryBody>): Query {
  const queryId = sodium.randombytes_buf(16);
  return { type: "query", queryId, deadlineMs: 1000, parties: [], body: encodeValue(body) };
}
