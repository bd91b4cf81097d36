import { computed, signal } from "@preact/signals";
import type { Answer, Fault, PartyOutcome, Question, QuestionEvents, Receipt } from "../../api.ts";
import { faultOf, request, stream } from "../client.ts";

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
  /** Also of a question that failed after it was sent. */
  readonly receipt?: Receipt;
}

/** The newest first. */
export const questions = signal<readonly Asked[]>([]);
/** Which is shown. */
export const shownId = signal<number | null>(null);
export const shown = computed(() => questions.value.find(({ id }) => id === shownId.value) ?? null);
/** With a receipt, the newest first. */
export const receipted = computed(() =>
  questions.value.flatMap((asked) => (asked.receipt ? [{ asked, receipt: asked.receipt }] : [])),
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

interface UnderWay {
  /** Ends the request: the page is told no more. */
  readonly abort: AbortController;
  /** By which the node stops it; null until it has said so. */
  nodeId: string | null;
}

const underWay = new Map<number, UnderWay>();
let count = 0;

export async function ask(question: Question): Promise<void> {
  const id = ++count;
  const abort = new AbortController();
  const own: UnderWay = { abort, nodeId: null };
  underWay.set(id, own);
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
      if (event.name === "waiting") own.nodeId = event.data.id;
      else change(id, (before) => after(before, event));
    });
    change(id, (before) => (isOver(before) ? before : failed(before, cutOff)));
  } catch (error) {
    change(id, (before) => failed(before, abort.signal.aborted ? stoppedByYou : faultOf(error)));
  } finally {
    underWay.delete(id);
  }
}

/** Parties may still work on it; nothing more is fetched, and its receipt comes. */
export function stop(id: number): void {
  const own = underWay.get(id);
  if (!own) return;
  if (own.nodeId === null) own.abort.abort();
  else
    request(`/api/questions/${own.nodeId}/stop`, { method: "POST" }).catch(() => {
      own.abort.abort();
    });
}

export function forget(): void {
  for (const { abort } of underWay.values()) abort.abort();
  questions.value = [];
  shownId.value = null;
}

type Told = Omit<QuestionEvents, "waiting">;
type Event = { [Name in keyof Told]: { name: Name; data: Told[Name] } }[keyof Told];

function after(before: Asked, { name, data }: Event): Asked {
  switch (name) {
    case "asked":
      return { ...before, ...data, phase: "asking" };
    case "outcome":
      return { ...before, outcomes: [...before.outcomes, data] };
    case "answer":
      return { ...before, phase: "answered", answer: data, receipt: data.receipt, outcomes: data.parties };
    case "fault": {
      const { receipt, ...fault } = data;
      return { ...failed(before, fault.code === "ABORTED" ? stoppedByYou : fault), ...(receipt ? { receipt } : {}) };
    }
  }
}

const failed = (before: Asked, fault: Fault): Asked => ({ ...before, phase: "failed", fault });
const isOver = ({ phase }: Asked): boolean => phase === "answered" || phase === "failed";
const stoppedByYou: Fault = { code: "ABORTED", detail: "You stopped this question." };
const cutOff: Fault = { code: "CUT_OFF", detail: "The node ended its answer early; ask again." };

function change(id: number, to: (before: Asked) => Asked): void {
  questions.value = questions.value.map((asked) => (asked.id === id ? to(asked) : asked));
}
