import type { HostedOutcome, PartyOutcome } from "../asking/result.ts";
import type { MemberTraffic } from "../asking/traffic.ts";

/** What somebody could see of a question and what not, a sentence each; SECURITY.md says on which assumptions. */
export interface Sight {
  readonly sees: readonly string[];
  readonly hidden: readonly string[];
}

type Mode = "private" | "clear" | "vertical";

export function sightOfCoordinator(mode: Mode): Sight {
  const sees = ["That you asked, when, and whom", "How large every message was"];
  if (mode === "clear") return { sees: [...sees, "The question's vector, and all scores, in the open"], hidden: [] };
  return {
    sees: [...sees, "The question, encrypted"],
    hidden: [
      "The question and its vector",
      "The scores",
      "The passages, and who held them, as long as they fit the padding of 32 KiB",
    ],
  };
}

/** A hosted collection as its host was asked for it. */
export interface HostSight extends Pick<HostedOutcome, "name" | "mode" | "candidates"> {
  readonly isAnswered: boolean;
}

export interface MemberSight {
  readonly mode: Mode;
  readonly parts: MemberTraffic;
  /** Not set for a member that is no party, and for a party of which nothing was known when the question ended early. */
  readonly outcome: PartyOutcome | undefined;
  readonly collections: readonly HostSight[];
}

export function sightOfMember({ mode, parts, outcome, collections }: MemberSight): Sight {
  const isParty = outcome !== undefined || parts.question.messages > 0;
  const hosted = collections.map((collection) => sightOfHost(parts, collection));
  const sights = [isParty ? [sightOfParty(mode, parts, outcome)] : [], hosted].flat();
  if (sights.length === 0) return { sees: ["That you are connected"], hidden: ["The question and its vector"] };
  return { sees: distinct(sights.flatMap(({ sees }) => sees)), hidden: commonTo(sights.map(({ hidden }) => hidden)) };
}

/** Whether the coordinator has said that the party was not there, and nothing was sent to it before that. */
export function wasAway({ status, fault, attempts = 1 }: PartyOutcome): boolean {
  return status === "missing" && fault?.code === "PARTY_OFFLINE" && attempts === 1;
}

function sightOfParty(mode: Mode, { question }: MemberTraffic, outcome: PartyOutcome | undefined): Sight {
  if (question.messages === 0) return NO_QUESTION;
  if (outcome && wasAway(outcome))
    return { sees: ["Nothing: the coordinator says that it was not connected"], hidden: HIDDEN };
  const arrived = outcome?.status === "answered" ? "" : IF_REACHED;
  const sees = [`That you asked, and when${arrived}`, ...askedFor(outcome)];
  if (mode === "clear") return { sees: ["The question's vector, in the open", ...sees], hidden: [] };
  return {
    sees: ["The question, encrypted", ...sees],
    hidden: HIDDEN,
  };
}

const IF_REACHED = ", if this reached it";
const NO_QUESTION: Sight = {
  sees: ["That you are connected; it was sent no question"],
  hidden: ["The question and its vector"],
};
const HIDDEN = ["The question and its vector", "The scores it computed", "What others hold, and what they answered"];

/** What was asked for it knows, whether or not it has handed it out. */
function askedFor(outcome: PartyOutcome | undefined): string[] {
  if (outcome?.status !== "answered") return [];
  const { passagesAsked: asked } = outcome;
  if (asked === undefined) return ["Which of its passages you asked for, if you got that far"];
  if (asked === 0) return ["That you asked for none of its passages"];
  return [`Which ${asked === 1 ? "one" : String(asked)} of its passages you asked for`];
}

function sightOfHost({ session }: MemberTraffic, { name, mode, candidates, isAnswered }: HostSight): Sight {
  if (session.up.messages === 0) return NO_QUESTION;
  const hidden = ["The question's words", "The text, titles and names of the passages"];
  if (isAnswered && candidates === 0)
    return {
      sees: [`That you looked whether "${name}" holds anything; it was sent no question`],
      hidden: ["The question and its vector", ...hidden],
    };
  const arrived = isAnswered ? "" : IF_REACHED;
  const sees = [
    `That you asked, and when${arrived}`,
    isAnswered
      ? `Which ${String(candidates)} sealed rows of "${name}" were handed to you`
      : `Which sealed rows of "${name}" it chose${arrived}`,
  ];
  if (mode === "double")
    return {
      sees: [`The question, encrypted${arrived}`, ...sees],
      hidden: ["The question and its vector", ...hidden],
    };
  return {
    sees: [`The question's vector, perturbed: it recognises questions that are alike${arrived}`, ...sees],
    hidden,
  };
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** What one role of a member shows it is hidden no more by another. */
function commonTo([first = [], ...others]: readonly (readonly string[])[]): string[] {
  return first.filter((text) => others.every((texts) => texts.includes(text)));
}
