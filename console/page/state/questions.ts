import { computed, signal } from "@preact/signals";
import type { Answer, Fault, PartyOutcome, Question, QuestionEvents } from "../../api.ts";
import { faultOf, stream } from "../client.ts";

/** One question of this tab. None of it is stored anywhere. */
export interface Asked extends Question {
  readonly id: number;
  readonly askedAt: Date;
  readonly phase: "waiting" | "asking" | "answered" | "failed";
  /** Who is asked; empty until it is the question's turn. */
  readonly parties: readonly string[];
  /** Those that were connected then. */
  readonly online: readonly string[];
  readonly outcomes: readonly PartyOutcome[];
  readonly answer?: Answer;
  readonly fault?: Fault;
}

/** The newest first. */
export const questions = signal<readonly Asked[]>([]);
/** Which is shown. */
export const shownId = signal<number | null>(null);
export const shown = computed(() => questions.value.find(({ id }) => id === shownId.value) ?? null);
/** With a receipt, the newest first. */
export const receipted = computed(() =>
  questions.value.flatMap((asked) => (asked.answer ? [{ asked, receipt: asked.answer.receipt }] : [])),
);

/** What each party took for the newest question that it answered, in milliseconds. */
export const lastMs = computed(() => {
  const outcomes = questions.value.toReversed().flatMap((asked) => asked.outcomes);
  return new Map(
    outcomes
      .filter(({ status, collection }) => status === "answered" && !collection)
      .map(({ party, ms }) => [party, ms]),
  );
});

const underWay = new Map<number, AbortController>();
let count = 0;

export async function ask(question: Question): Promise<void> {
  const id = ++count;
  const abort = new AbortController();
  underWay.set(id, abort);
  const asked: Asked = {
    ...question,
    id,
    askedAt: new Date(),
    phase: "waiting",
    parties: [],
    online: [],
    outcomes: [],
  };
  questions.value = [asked, ...questions.value];
  shownId.value = id;
  try {
    await stream<QuestionEvents>("/api/questions", { body: question, signal: abort.signal }, (event) => {
      change(id, (before) => after(before, event));
    });
    change(id, (before) => (isOver(before) ? before : failed(before, cutOff)));
  } catch (error) {
    change(id, (before) => failed(before, abort.signal.aborted ? stoppedByYou : faultOf(error)));
  } finally {
    underWay.delete(id);
  }
}

/** Parties may still work on it; nothing more is shown or fetched. */
export function stop(id: number): void {
  underWay.get(id)?.abort();
}

export function forget(): void {
  for (const abort of underWay.values()) abort.abort();
  questions.value = [];
  shownId.value = null;
}

type Event = { [Name in keyof QuestionEvents]: { name: Name; data: QuestionEvents[Name] } }[keyof QuestionEvents];

function after(before: Asked, { name, data }: Event): Asked {
  switch (name) {
    case "asked":
      return { ...before, ...data, phase: "asking" };
    case "outcome":
      return { ...before, outcomes: [...before.outcomes, data] };
    case "answer":
      return { ...before, phase: "answered", answer: data, outcomes: data.parties };
    case "fault":
      return failed(before, data);
  }
}

const failed = (before: Asked, fault: Fault): Asked => ({ ...before, phase: "failed", fault });
const isOver = ({ phase }: Asked): boolean => phase === "answered" || phase === "failed";
const stoppedByYou: Fault = { code: "ABORTED", detail: "You stopped this question." };
const cutOff: Fault = { code: "CUT_OFF", detail: "The node ended its answer early; ask again." };

function change(id: number, to: (before: Asked) => Asked): void {
  questions.value = questions.value.map((asked) => (asked.id === id ? to(asked) : asked));
}
