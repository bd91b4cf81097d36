import {
  type AgreedEndpoint,
  type Answer,
  type AnswerEvent,
  type AnswerOptions,
  EndpointAgreements,
  answerQuestion,
  parseEndpoint,
  reachEndpoint,
} from "../../party-node/answering/index.ts";

export const PASSAGES = [
  {
    party: "clinic",
    title: "Warfarin",
    text: "Warfarin may be restarted on day seven, when haemoglobin has stayed above eighty.",
  },
  {
    party: "library",
    title: "Fines",
    text: "Late fines are forgiven for everybody under sixteen, and at Christmas for all.",
  },
];
export const QUESTION = "when may warfarin be restarted";

/** An endpoint on this machine, or one that the test agrees to. */
export async function agreed(base: string): Promise<AgreedEndpoint> {
  const reached = await reachEndpoint(parseEndpoint(base));
  return new EndpointAgreements("/nowhere/at/all").require(reached);
}

export type Asked = Partial<AnswerOptions> & { readonly base: string };

export async function* ask({ base, ...options }: Asked): AsyncGenerator<AnswerEvent, void> {
  const endpoint = await agreed(base);
  yield* answerQuestion({ question: QUESTION, passages: PASSAGES, model: "tiny", endpoint, ...options });
}

/** The whole of an answer. */
export async function answered(asked: Asked): Promise<{ readonly answer: Answer; readonly pieces: readonly string[] }> {
  const pieces: string[] = [];
  for await (const event of ask(asked)) {
    if (event.type === "text") pieces.push(event.text);
    if (event.type === "answered") return { answer: event.answer, pieces };
  }
  throw new Error("the answer ended without its last event");
}
