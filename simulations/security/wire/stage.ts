import { type HopMessage } from "../../../protocol/index.ts";

export type Query = Extract<HopMessage, { type: "query" }>;
export type Answer = Extract<HopMessage, { type: "answer" }>;

/** What the querier is shown, and what it is told went wrong. */
export interface Shown {
  /** Best first, `party: text`. */
  readonly passages: readonly string[];
  /** Who noticed, and the fault's code: `the querier: ANSWER_MALFORMED`. */
  readonly noticed: readonly string[];
}

/** Whose name is on a forged query, and with whose key it is signed; a key of its own where `key` names no member. */
export interface ForgedQuery {
  readonly name: string;
  readonly key: string;
  /** How long ago it was made; default 0. */
  readonly ageMs?: number;
}

/**
 * A federation with a coordinator and a party (`liar`) in the attacker's hands, and a querier and two parties (`alpha`, `beta`) that are honest. One stage is
 * the product, the other does the same with nothing signed, sealed, counted or remembered; every attack runs on both.
 */
export interface Stage extends AsyncDisposable {
  /** What the coordinator sends in place of a message to a member; by default the message. */
  relay: (message: HopMessage, to: string) => readonly HopMessage[];
  /** What `liar` sends in place of its answer; by default the answer. */
  reply: (truth: Answer) => Answer;
  /** Whether `liar` adds to all its scores. */
  inflates: boolean;
  /** What has come to the coordinator from members, in order. */
  readonly arrived: readonly { readonly from: string; readonly message: HopMessage }[];
  ask(question: string, deadlineMs?: number): Promise<Shown>;
  /** A query that its name's owner did not make. */
  forge(query: ForgedQuery): Promise<Query>;
  /** Sends a query to a party, as the coordinator, and resolves with what the party says to it. */
  put(party: string, query: Query): Promise<HopMessage>;
  /** The query with a key in place of the one that its answers are to be sealed to. */
  withAnswerKey(query: Query, publicKey: Uint8Array): Query;
  /** Whether somebody with this key, and no other, can read the scores of an answer. */
  canRead(answer: HopMessage, keys: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }): boolean;
  /** Ends a party and starts it again. */
  restart(party: string): Promise<void>;
}

/** Sets everything back to the honest. */
export function behave(stage: Stage): void {
  stage.relay = (message) => [message];
  stage.reply = (truth) => truth;
  stage.inflates = false;
}

const PASSAGES = 12;
const WORDS = Array.from("bdfgklmnprstvz", (consonant) =>
  ["a", "e", "i", "o"].map((vowel) => `${consonant}${vowel}lt`),
).flat();

/** Twelve words that follow from the name and the number; texts share enough of them for no two to be equally good an answer. */
export function textOf(party: string, number: number): string {
  let state = Array.from(`${party} ${String(number)}`).reduce(
    (hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0,
    7,
  );
  const word = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return WORDS[Math.floor((state / 2 ** 32) * WORDS.length)]!;
  };
  return Array.from({ length: 12 }, word).join(" ");
}

/** Document id -> text: twelve passages. */
export function corpusOf(party: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: PASSAGES }, (_, i) => [`${party}-${String(i)}`, textOf(party, i)]));
}
