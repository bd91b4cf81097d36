import { sodium } from "../../../crypto/index.ts";
import type { HopMessage } from "../../../protocol/index.ts";
import type { Act, Outcome } from "./row.ts";
import { type Query, type Stage, behave, textOf } from "./stage.ts";

const QUESTION = textOf("alpha", 3);
const PLAIN = "questions without names, times and signatures";
/** Beyond what clocks may differ by. */
const LONG_AGO_MS = 6 * 60_000;

function outcomeOf(said: HopMessage): Outcome {
  return said.type === "refusal"
    ? { got: false, note: `the party: ${said.code}` }
    : { got: said.type === "answer", note: "open" };
}

/** A question that was asked and answered, as it came to `alpha`. */
async function askedQuery(stage: Stage): Promise<Query> {
  behave(stage);
  const seen: Query[] = [];
  stage.relay = (message, to) => {
    if (message.type === "query" && to === "alpha") seen.push({ ...message, body: message.body.slice() });
    return [message];
  };
  await stage.ask(QUESTION);
  behave(stage);
  return seen[0]!;
}

const shared = { mode: "private", expected: "prevented", baselineIs: PLAIN } as const;

export const actsOnQueries: readonly Act<Stage>[] = [
  {
    ...shared,
    name: "a question is sent to a party again",
    who: "the coordinator",
    wants: "a second answer to a question that is not its own",
    note: "the party: QUERY_REPEATED",
    run: async (stage: Stage): Promise<Outcome> => outcomeOf(await stage.put("alpha", await askedQuery(stage))),
  },
  {
    ...shared,
    name: "a question is sent to a party again under another id",
    who: "the coordinator",
    wants: "a second answer to a question that is not its own",
    note: "the party: QUERY_MISLABELLED",
    run: async (stage: Stage): Promise<Outcome> => {
      const query = await askedQuery(stage);
      return outcomeOf(await stage.put("alpha", { ...query, queryId: sodium.randombytes_buf(16) }));
    },
  },
  {
    ...shared,
    name: "a question that was kept for six minutes is sent",
    who: "the coordinator",
    wants: "an answer at a time of its choice",
    note: "the party: QUERY_OUT_OF_TIME",
    run: async (stage: Stage): Promise<Outcome> =>
      outcomeOf(await stage.put("alpha", await stage.forge({ name: "asker", key: "asker", ageMs: LONG_AGO_MS }))),
  },
  {
    ...shared,
    name: "a question is sent again to a party that was restarted",
    who: "the coordinator",
    wants: "scores that it can read",
    note: "harmless: answered again, sealed to the question's own key",
    run: async (stage: Stage): Promise<Outcome> => {
      const query = await askedQuery(stage);
      await stage.restart("alpha");
      const said = await stage.put("alpha", query);
      if (said.type !== "answer") return outcomeOf(said);
      const got = stage.canRead(said, sodium.crypto_box_keypair());
      return { got, note: got ? "open" : "harmless: answered again, sealed to the question's own key" };
    },
  },
  {
    ...shared,
    name: "a question is made up in a querier's name",
    who: "the coordinator",
    wants: "an answer to its own question",
    note: "the party: SIGNATURE_INVALID",
    run: async (stage: Stage): Promise<Outcome> =>
      outcomeOf(await stage.put("alpha", await stage.forge({ name: "asker", key: "nobody" }))),
  },
  {
    ...shared,
    name: "a question comes from a member that the coordinator invented",
    who: "the coordinator",
    wants: "an answer to its own question",
    note: "the party: SIGNATURE_INVALID",
    run: async (stage: Stage): Promise<Outcome> =>
      outcomeOf(await stage.put("alpha", await stage.forge({ name: "invented", key: "nobody" }))),
  },
  {
    ...shared,
    name: "a party asks, and the coordinator carries it",
    who: "a party",
    wants: "an answer, though it is no querier",
    note: "the party: SIGNATURE_INVALID",
    run: async (stage: Stage): Promise<Outcome> =>
      outcomeOf(await stage.put("alpha", await stage.forge({ name: "liar", key: "liar" }))),
  },
  {
    ...shared,
    name: "a malformed question is sent to a party",
    who: "the coordinator",
    wants: "the party serves no longer",
    note: "the party: FRAME_MALFORMED",
    baselineIs: "a party whose decoder's exception ends it",
    run: async (stage: Stage): Promise<Outcome> => {
      const query = await askedQuery(stage);
      try {
        const said = await stage.put("alpha", { ...query, body: new Uint8Array(300).fill(0xff) });
        const { noticed } = await stage.ask(QUESTION);
        return noticed.length > 0 ? { got: true, note: "open" } : outcomeOf(said);
      } catch {
        return { got: true, note: "open" };
      }
    },
  },
];
