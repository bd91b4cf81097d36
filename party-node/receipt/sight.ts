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

export interface MemberSight {
  readonly mode: Mode;
  readonly parts: MemberTraffic;
  readonly outcome: PartyOutcome | undefined;
  readonly collections: readonly HostedOutcome[];
}

export function sightOfMember({ mode, parts, outcome, collections }: MemberSight): Sight {
  const sights = [outcome ? [sightOfParty(mode, parts, outcome)] : [], collections.map(sightOfHost)].flat();
  if (sights.length === 0) return { sees: ["That you are connected"], hidden: ["The question and its vector"] };
  return { sees: distinct(sights.flatMap(({ sees }) => sees)), hidden: commonTo(sights.map(({ hidden }) => hidden)) };
}

function sightOfParty(mode: Mode, { question }: MemberTraffic, outcome: PartyOutcome): Sight {
  if (question.messages === 0)
    return { sees: ["That you are connected; it was sent no question"], hidden: ["The question and its vector"] };
  if (outcome.fault?.code === "PARTY_OFFLINE")
    return { sees: ["Nothing: the coordinator says that it was not connected"], hidden: HIDDEN };
  const arrived = outcome.status === "answered" ? "" : ", if this reached it";
  const sees = [`That you asked, and when${arrived}`, ...fetched(outcome)];
  if (mode === "clear") return { sees: ["The question's vector, in the open", ...sees], hidden: [] };
  return {
    sees: ["The question, encrypted", ...sees],
    hidden: HIDDEN,
  };
}

const HIDDEN = ["The question and its vector", "The scores it computed", "What others hold, and what they answered"];

function fetched({ status, passagesFetched = 0 }: PartyOutcome): string[] {
  if (status !== "answered") return [];
  if (passagesFetched === 0) return ["That you fetched none of its passages"];
  return [`Which ${passagesFetched === 1 ? "one" : String(passagesFetched)} of its passages you fetched`];
}

function sightOfHost({ name, mode, candidates }: HostedOutcome): Sight {
  const rows = `Which ${String(candidates)} sealed rows of "${name}" were handed to you`;
  const hidden = ["The question's words", "The text, titles and names of the passages"];
  if (mode === "double")
    return {
      sees: ["The question, encrypted", "That you asked, and when", rows],
      hidden: ["The question and its vector", ...hidden],
    };
  return {
    sees: [
      "The question's vector, perturbed: it recognises questions that are alike",
      "That you asked, and when",
      rows,
    ],
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
