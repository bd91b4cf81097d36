import { sodium } from "../../../crypto/index.ts";
import type { HopMessage } from "../../../protocol/index.ts";
import type { Act, Outcome } from "./row.ts";
import { type Answer, type Stage, behave, textOf } from "./stage.ts";

/** Answered best by `alpha`, and other questions by others. */
const QUESTION = textOf("alpha", 3);
const OTHER_QUESTION = textOf("liar", 5);
/** Of a question of which an answer is kept back; honest answers take a tenth of it. */
const SHORT_MS = 1000;

const PLAIN = "answers without names, signatures and seals";

/**
 * Asks as it should be, then once more while somebody interferes. The attacker wants the querier to be shown something else, without a word that something went wrong.
 */
async function misled(
  stage: Stage,
  interfere: () => void,
  { succeeded = () => true, deadlineMs }: { succeeded?: (best: string) => boolean; deadlineMs?: number } = {},
): Promise<Outcome> {
  behave(stage);
  const truth = await stage.ask(QUESTION);
  interfere();
  const { passages, noticed } = await stage.ask(QUESTION, deadlineMs);
  behave(stage);
  if (noticed.length > 0) return { got: false, note: [...new Set(noticed)].join(", ") };
  if (passages.join() === truth.passages.join()) return { got: false, note: "harmless: the ranking is the same" };
  return { got: succeeded(passages[0] ?? ""), note: "open" };
}

const isAnswerOf = (message: HopMessage, to: string, party: string): message is Answer =>
  to === "asker" && message.type === "answer" && message.party === party;

/** Inverts bits of the second quarter: what is signed, sealed or, without either, meant. */
function altered(body: Uint8Array): Uint8Array {
  return body.map((byte, i) => (i >= body.length / 4 && i < body.length / 2 ? byte ^ 0x41 : byte));
}

/** The answer of `party` to another question, as it was sent then. */
async function oldAnswer(stage: Stage, party: string): Promise<Uint8Array> {
  behave(stage);
  await stage.ask(OTHER_QUESTION);
  const old = stage.arrived.findLast(({ from, message }) => from === party && message.type === "answer")!;
  return (old.message as Answer).body.slice();
}

export const actsOnAnswers: readonly Act<Stage>[] = [
  {
    name: "a party inflates its scores",
    who: "a party",
    mode: "private",
    wants: "its passages are shown before better ones",
    expected: "detected",
    note: "the querier: SCORE_INFLATED",
    baselineIs: "scores taken at the party's word",
    run: (stage) => misled(stage, () => (stage.inflates = true), { succeeded: (best) => best.startsWith("liar: ") }),
  },
  {
    name: "a party sends an old answer again",
    who: "a party",
    mode: "private",
    wants: "another question's scores count for this one",
    expected: "detected",
    note: "the querier: ANSWER_MALFORMED",
    baselineIs: PLAIN,
    run: async (stage: Stage): Promise<Outcome> => {
      const body = await oldAnswer(stage, "liar");
      return misled(stage, () => (stage.reply = (truth) => ({ ...truth, body })));
    },
  },
  {
    name: "an old answer is delivered again",
    who: "the coordinator",
    mode: "private",
    wants: "another question's scores count for this one",
    expected: "detected",
    note: "the querier: ANSWER_MALFORMED",
    baselineIs: PLAIN,
    run: async (stage: Stage): Promise<Outcome> => {
      const body = await oldAnswer(stage, "alpha");
      return misled(
        stage,
        () => (stage.relay = (message, to) => [isAnswerOf(message, to, "alpha") ? { ...message, body } : message]),
      );
    },
  },
  {
    name: "the answers of two parties are exchanged",
    who: "the coordinator",
    mode: "private",
    wants: "one party's scores count as the other's",
    expected: "detected",
    note: "the querier: SIGNATURE_INVALID",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(stage, () => {
        const held: Answer[] = [];
        stage.relay = (message, to) => {
          if (!isAnswerOf(message, to, "alpha") && !isAnswerOf(message, to, "beta")) return [message];
          held.push(message);
          const [first, second] = held;
          return second
            ? [
                { ...first!, body: second.body },
                { ...second, body: first!.body },
              ]
            : [];
        };
      }),
  },
  {
    name: "answers are delivered in another order",
    who: "the coordinator",
    mode: "private",
    wants: "the ranking changes",
    expected: "prevented",
    note: "harmless: the ranking is the same",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(stage, () => {
        const held: HopMessage[] = [];
        stage.relay = (message, to) => {
          if (to !== "asker" || message.type !== "answer") return [message];
          held.push(message);
          return held.length === 3 ? held.toReversed() : [];
        };
      }),
  },
  {
    name: "an answer is delivered twice",
    who: "the coordinator",
    mode: "private",
    wants: "the ranking changes",
    expected: "prevented",
    note: "harmless: the ranking is the same",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(
        stage,
        () => (stage.relay = (message, to) => (isAnswerOf(message, to, "alpha") ? [message, message] : [message])),
      ),
  },
  {
    name: "an answer is dropped",
    who: "the coordinator",
    mode: "private",
    wants: "the querier takes what is left for all there is",
    expected: "detected",
    note: "the querier: DEADLINE_EXCEEDED",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(
        stage,
        () =>
          (stage.relay = (message, to) =>
            to === "asker" && "party" in message && message.party === "alpha" ? [] : [message]),
        { deadlineMs: SHORT_MS },
      ),
  },
  {
    name: "an answer is replaced by a refusal that the party never made",
    who: "the coordinator",
    mode: "private",
    wants: "the querier takes what is left for all there is",
    expected: "detected",
    note: "the querier: PARTY_OFFLINE",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(
        stage,
        () =>
          (stage.relay = (message, to) =>
            isAnswerOf(message, to, "alpha")
              ? [
                  {
                    type: "refusal",
                    queryId: message.queryId,
                    party: "alpha",
                    code: "PARTY_OFFLINE",
                    reason: "",
                    retryAfterMs: null,
                  },
                ]
              : [message]),
      ),
  },
  {
    name: "bytes of an answer are altered",
    who: "the coordinator",
    mode: "private",
    wants: "the ranking changes",
    expected: "detected",
    note: "the querier: SIGNATURE_INVALID",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(
        stage,
        () =>
          (stage.relay = (message, to) => [
            isAnswerOf(message, to, "alpha") ? { ...message, body: altered(message.body) } : message,
          ]),
      ),
  },
  {
    name: "bytes of a question are altered",
    who: "the coordinator",
    mode: "private",
    wants: "a party scores another question",
    expected: "detected",
    note: "the party: SIGNATURE_INVALID",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(
        stage,
        () =>
          (stage.relay = (message, to) => [
            to === "alpha" && message.type === "query" ? { ...message, body: altered(message.body) } : message,
          ]),
      ),
  },
  {
    name: "bytes of a passage are altered",
    who: "the coordinator",
    mode: "private",
    wants: "the querier is shown another text",
    expected: "detected",
    note: "the querier: CHANNEL_BROKEN",
    baselineIs: PLAIN,
    run: (stage) =>
      misled(
        stage,
        () =>
          (stage.relay = (message, to) => [
            to === "asker" && message.type === "relay" && message.peer === "alpha"
              ? { ...message, body: altered(message.body) }
              : message,
          ]),
      ),
  },
  {
    name: "a question's answer key is replaced",
    who: "the coordinator",
    mode: "private",
    wants: "scores that it can read",
    expected: "detected",
    note: "the party: SIGNATURE_INVALID",
    baselineIs: PLAIN,
    run: async (stage: Stage): Promise<Outcome> => {
      const own = sodium.crypto_box_keypair();
      let got = false;
      const { note } = await misled(
        stage,
        () =>
          (stage.relay = (message, to) => {
            if (isAnswerOf(message, to, "alpha")) got ||= stage.canRead(message, own);
            return [to === "alpha" && message.type === "query" ? stage.withAnswerKey(message, own.publicKey) : message];
          }),
      );
      return { got, note };
    },
  },
];
