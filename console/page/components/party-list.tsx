import type { JSX } from "preact";
import type { PartyOutcome } from "../../api.ts";
import { count, milliseconds } from "../format.ts";
import type { Asked } from "../state/questions.ts";
import { Icon, type IconName } from "./icon.tsx";
import { sentence } from "./notice.tsx";
import { PartyName } from "./party-name.tsx";

type Status = "waiting" | "answered" | "missing" | "not-asked";

const ICONS: Readonly<Record<Exclude<Status, "waiting">, IconName>> = {
  answered: "check",
  missing: "alert",
  "not-asked": "minus",
};

/** Who is asked, and what became of each so far. */
export function PartyList({ asked }: { readonly asked: Asked }): JSX.Element {
  const { parties, outcomes, online, phase } = asked;
  const answered = new Set(outcomes.filter(({ collection }) => !collection).map(({ party }) => party));
  const waiting = phase === "asking" ? parties.filter((party) => !answered.has(party)) : [];
  return (
    <ul class="parties" aria-label="Parties" aria-live="polite">
      {outcomes.map((outcome) => (
        <PartyRow
          key={`${outcome.party} ${outcome.collection?.name ?? ""}`}
          name={outcome.party}
          status={outcome.status}
          words={inWords(outcome)}
          where={outcome.collection ? `“${outcome.collection.name}” at ${outcome.collection.host}` : ""}
          isFaulty={outcome.fault !== undefined}
        />
      ))}
      {waiting.map((party) => (
        <PartyRow
          key={`${party} `}
          name={party}
          status="waiting"
          words={online.includes(party) ? "waiting" : "not connected; waiting for the coordinator to say so"}
          where=""
          isFaulty={false}
        />
      ))}
    </ul>
  );
}

interface PartyRowProps {
  readonly name: string;
  readonly status: Status;
  readonly words: string;
  /** Of a hosted collection. */
  readonly where: string;
  readonly isFaulty: boolean;
}

function PartyRow({ name, status, words, where, isFaulty }: PartyRowProps): JSX.Element {
  const kind = isFaulty && status === "answered" ? "missing" : status;
  return (
    <li class={`party ${kind}`} data-party={name} data-status={status}>
      <span class="party-mark">{kind === "waiting" ? <span class="pulse" /> : <Icon name={ICONS[kind]} />}</span>
      <span class="party-who">
        <PartyName name={name} /> {where}
      </span>
      <span class="party-words">{words}</span>
    </li>
  );
}

function inWords({ collection, status, passagesScored, ms, fault, attempts = 1 }: PartyOutcome): string {
  const again = attempts > 1 ? ` Asked ${String(attempts)} times.` : "";
  if (fault) return `${lateness(fault.code)}${sentence(fault.reason)}${retry(fault.retryAfterMs)}${again}`;
  if (status === "not-asked") return "not asked: others are likelier to hold an answer";
  const work = collection?.mode === "outsourced" ? "searched" : "scored";
  const candidates = collection ? `, ${String(collection.candidates)} opened` : "";
  return `${count(passagesScored, "passage")} ${work}${candidates} · ${milliseconds(ms)}${again}`;
}

function lateness(code: string): string {
  return code === "DEADLINE_EXCEEDED" ? "Late. " : "";
}

function retry(ms: number | undefined): string {
  return ms === undefined ? "" : ` Ask again in ${String(Math.max(1, Math.ceil(ms / 1000)))} s.`;
}
