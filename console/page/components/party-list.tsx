import type { JSX } from "preact";
import type { PartyOutcome } from "../../api.ts";
import { count, milliseconds } from "../format.ts";
import type { Asked } from "../state/questions.ts";
import { Foreign } from "./foreign.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { sentence } from "./notice.tsx";
import { PartyName } from "./party-name.tsx";
import { Prose } from "./prose.tsx";

type Status = "waiting" | "answered" | "missing" | "not-asked";

const ICONS: Readonly<Record<Exclude<Status, "waiting">, IconName>> = {
  answered: "check",
  missing: "alert",
  "not-asked": "minus",
};

/** Who is asked, and what became of each so far: the parties in their order, then hosted collections as they answer. */
export function PartyList({ asked }: { readonly asked: Asked }): JSX.Element {
  const { parties, outcomes, online, phase } = asked;
  const own = new Map(outcomes.filter(({ collection }) => !collection).map((outcome) => [outcome.party, outcome]));
  const names = phase === "asking" ? parties : parties.filter((party) => own.has(party));
  return (
    <ul class="parties" aria-label="Parties" aria-live="polite">
      {names.map((name) => {
        const outcome = own.get(name);
        if (outcome) return <OutcomeRow key={name} outcome={outcome} />;
        const words = online.includes(name) ? "waiting" : "not connected; waiting for the coordinator to say so";
        return <PartyRow key={name} name={name} status="waiting" words={words} where="" isFaulty={false} />;
      })}
      {outcomes
        .filter(({ collection }) => collection)
        .map((outcome) => (
          <OutcomeRow key={`${outcome.party}/${outcome.collection?.name ?? ""}`} outcome={outcome} />
        ))}
    </ul>
  );
}

function OutcomeRow({ outcome }: { readonly outcome: PartyOutcome }): JSX.Element {
  const { party, status, collection, fault } = outcome;
  return (
    <PartyRow
      name={party}
      status={status}
      words={inWords(outcome)}
      where={collection ? `“${collection.name}” at ${collection.host}` : ""}
      isFaulty={fault !== undefined}
    />
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
        <PartyName name={name} /> <Foreign text={where} />
      </span>
      <span class="party-words">
        <Prose text={words} />
      </span>
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
