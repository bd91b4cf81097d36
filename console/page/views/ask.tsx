import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Overview, PartyOutcome } from "../../api.ts";
import { Icon } from "../components/icon.tsx";
import { FaultNotice, Notice } from "../components/notice.tsx";
import { PartyList } from "../components/party-list.tsx";
import { PassageDialog } from "../components/passage-dialog.tsx";
import { PassageList } from "../components/passage-list.tsx";
import { QuestionForm } from "../components/question-form.tsx";
import { bytes, clock, count, milliseconds, oneLine } from "../format.ts";
import { type Asked, forget, questions, shown, shownId, stop } from "../state/questions.ts";
import { address } from "../state/route.ts";

export function AskView({ overview }: { readonly overview: Overview }): JSX.Element {
  const asked = shown.value;
  return (
    <div class={asked ? "ask" : "ask is-empty"}>
      <h1 class={asked ? "for-readers" : "ask-title"} tabIndex={-1}>
        {asked ? "Ask" : "What would you like to know?"}
      </h1>
      <QuestionForm overview={overview} />
      {asked === null || overview.mode === "clear" ? <Assurance overview={overview} /> : null}
      {asked ? <Answered key={asked.id} asked={asked} member={overview.member} /> : null}
      <Earlier />
    </div>
  );
}

function Assurance({ overview: { mode, parties } }: { readonly overview: Overview }): JSX.Element {
  if (mode === "clear")
    return (
      <Notice kind="bad" icon="open">
        This federation runs in clear: the coordinator and every party see what you ask.
      </Notice>
    );
  return (
    <p class="assurance">
      <Icon name="lock" />
      <span>
        Your question leaves this machine encrypted. {count(parties.length, "party", "parties")} can answer it; neither
        they nor the coordinator can read it.
      </span>
    </p>
  );
}

interface AnsweredProps {
  readonly asked: Asked;
  /** Who asks. */
  readonly member: string;
}

function Answered({ asked, member }: AnsweredProps): JSX.Element {
  const { question, phase, fault, answer, id } = asked;
  const open = useSignal<number | null>(null);
  const passages = answer?.passages ?? [];
  return (
    <article class="answer" aria-labelledby="asked-question">
      <div class="asked">
        <h2 id="asked-question">{question}</h2>
        {phase === "waiting" || phase === "asking" ? (
          <button type="button" class="quiet" onClick={() => stop(id)}>
            Stop
          </button>
        ) : null}
      </div>
      {phase === "waiting" ? <p class="soft">Connecting to the federation…</p> : null}
      <PartyList asked={asked} />
      {fault ? <FaultNotice fault={fault} /> : null}
      {answer ? <Partial asked={asked} member={member} /> : null}
      {answer && passages.length === 0 ? <p class="nothing">{whyNothing(answer.parties)}</p> : null}
      {passages.length > 0 ? (
        <PassageList
          passages={passages}
          onOpen={(index) => {
            open.value = index;
          }}
        />
      ) : null}
      <ReceiptLine asked={asked} />
      {open.value === null ? null : (
        <PassageDialog
          passages={passages}
          index={open.value}
          onMove={(index) => {
            open.value = index;
          }}
          onClose={() => {
            open.value = null;
          }}
        />
      )}
    </article>
  );
}

/** That nobody answered says nothing of what anybody holds. */
function whyNothing(parties: readonly PartyOutcome[]): string {
  if (parties.length === 0) return "Nobody was asked: the federation has no party that this node asks.";
  const missing = parties.filter(({ status }) => status === "missing").length;
  if (!parties.some(({ status }) => status === "answered")) return "Nobody answered, so nothing was searched.";
  return missing > 0 ? "Those who answered have no passage for this." : "No party has a passage for this.";
}

/** Says that the answer is not everybody's, and what to do where this node itself is missing. */
function Partial({ asked: { outcomes }, member }: AnsweredProps): JSX.Element | null {
  const missing = outcomes.filter(({ status }) => status === "missing");
  const faulty = outcomes.filter(({ status, fault }) => status === "answered" && fault);
  if (missing.length + faulty.length === 0) return null;
  const names = missing.map(({ party, collection }) => (collection ? `${party} (${oneLine(collection.name)})` : party));
  const isOwnMissing = missing.some(
    ({ party, collection, fault }) => party === member && !collection && fault?.code === "PARTY_OFFLINE",
  );
  const isAnswered = outcomes.some(({ status }) => status === "answered");
  return (
    <Notice kind="warn">
      <strong>{isAnswered ? "This answer is partial." : "Nobody answered."}</strong>{" "}
      {missing.length > 0 ? `Without ${names.join(", ")}: what they hold is not in it. ` : ""}
      {faulty.length > 0 ? `Some passages of ${faulty.map(({ party }) => party).join(", ")} are left out.` : ""}
      {isOwnMissing ? (
        <>
          {" "}
          {member} is this node itself: what serves its documents is not running. Start <code>sotto node</code> with
          this node’s folder, in a terminal of its own.
        </>
      ) : null}
    </Notice>
  );
}

function ReceiptLine({ asked: { id, answer, receipt } }: { readonly asked: Asked }): JSX.Element | null {
  if (!receipt) return null;
  return (
    <a class="receipt-line" href={address("receipts", String(id))}>
      <Icon name="receipts" />
      <span class="receipt-line-words">
        <strong>Privacy receipt</strong>
        <span>
          {bytes(receipt.total.up.bytes)} left, {bytes(receipt.total.down.bytes)} came back
          {answer ? `, in ${milliseconds(answer.timingsMs.total)}` : " before it ended"}
        </span>
      </span>
      <Icon name="right" />
    </a>
  );
}

/** What else was asked in this tab. */
function Earlier(): JSX.Element | null {
  const others = questions.value.filter(({ id }) => id !== shownId.value);
  if (questions.value.length === 0) return null;
  return (
    <footer class="earlier">
      {others.length === 0 ? null : (
        <section aria-labelledby="earlier">
          <h2 id="earlier">Earlier in this tab</h2>
          <ul>
            {others.map((asked) => (
              <EarlierQuestion key={asked.id} asked={asked} />
            ))}
          </ul>
        </section>
      )}
      <p class="kept">
        <span class="soft">Kept in this tab’s memory alone, and gone with it.</span>
        <button type="button" class="quiet" onClick={forget}>
          Forget now
        </button>
      </p>
    </footer>
  );
}

function EarlierQuestion({ asked: { id, question, askedAt, answer, phase } }: { readonly asked: Asked }): JSX.Element {
  const state = answer ? count(answer.passages.length, "passage") : phase === "failed" ? "no answer" : "under way";
  return (
    <li>
      <button
        type="button"
        class="earlier-question"
        onClick={() => {
          shownId.value = id;
          scrollTo(0, 0);
        }}
      >
        <span>{question}</span>
        <span class="soft">
          {state} · {clock(askedAt)}
        </span>
      </button>
    </li>
  );
}
