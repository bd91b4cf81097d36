import { basename } from "node:path";
import { styleText } from "node:util";
import type { HostedOutcome, PartyFault, PartyOutcome } from "../party-node/asking/index.ts";
import { inNumber, oneLine } from "./printable.ts";

const MARKS = {
  answered: styleText("green", "answered "),
  missing: styleText("yellow", "missing  "),
  "not-asked": styleText("dim", "not asked"),
} as const;

/** One line on standard error about what became of a party. */
export function printOutcome(outcome: PartyOutcome): void {
  const { party, collection, status } = outcome;
  const name = collection ? `${party} (${collection.name} at ${collection.host})` : party;
  process.stderr.write(`  ${MARKS[status]}  ${name}  ${outcomeInWords(outcome)}\n`);
}

/** Says on standard output why there are no passages: that nobody answered is something else than that nobody has one. */
export function printNothing(parties: readonly PartyOutcome[]): void {
  process.stdout.write(`\n${whyNothing(parties)}\n`);
}

function whyNothing(parties: readonly PartyOutcome[]): string {
  if (parties.length === 0) return "Nobody was asked: the federation has no party that this node asks.";
  const missing = parties.filter(({ status }) => status === "missing");
  const reasons = missing.map(({ party, collection, fault }) => {
    const name = collection ? `${party} (${collection.name})` : party;
    return fault ? `${name}: ${oneLine(fault.reason).replace(/\.$/, "")}` : name;
  });
  if (!parties.some(({ status }) => status === "answered"))
    return `Nobody answered, so nothing was searched. ${reasons.join("; ")}.`;
  if (missing.length === 0) return "No passages: those who were asked have none for this.";
  return `No passages: those who answered have none for this. Not searched: ${reasons.join("; ")}.`;
}

/** Whether something is wrong with a party's passages, which is known only after its scores were reported. */
export function isLate({ status, fault }: PartyOutcome): boolean {
  return status === "answered" && fault !== undefined;
}

function outcomeInWords({ collection, status, passagesScored, ms, fault, route, attempts = 1 }: PartyOutcome): string {
  const times = attempts > 1 ? `, asked ${String(attempts)} times` : "";
  if (fault) return `${faultInWords(fault)}${times}`;
  if (status === "not-asked") return "others are likelier to hold an answer";
  const unknown =
    route?.reason === "no-summary" ? `, asked because it shows no summary (${route.fault?.code ?? ""})` : "";
  return `${whatWasDone(passagesScored, collection)}, ${ms.toFixed(0)} ms${times}${unknown}`;
}

function whatWasDone(passagesScored: number, collection: HostedOutcome | undefined): string {
  if (collection?.mode !== "outsourced")
    return `${inNumber(passagesScored, "passage")} scored${candidatesInWords(collection)}`;
  return `${inNumber(passagesScored, "passage")} searched${candidatesInWords(collection)}`;
}

function candidatesInWords(collection: HostedOutcome | undefined): string {
  return collection ? `, ${String(collection.candidates)} of them opened` : "";
}

/** @returns One printable line. */
export function faultInWords({ code, reason, retryAfterMs, evidence }: PartyFault): string {
  const again =
    retryAfterMs === undefined ? "" : `; ask again in ${String(Math.max(1, Math.ceil(retryAfterMs / 1000)))} s`;
  const proof =
    evidence === undefined ? "" : `; its own signatures prove it: sotto evidence show ${basename(evidence)}`;
  return `${code}: ${oneLine(reason)}${again}${proof}`;
}
