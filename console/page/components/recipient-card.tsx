import type { JSX } from "preact";
import type { Receipt } from "../../api.ts";
import { bytes, count, number, oneLine } from "../format.ts";
import { Bar } from "./bar.tsx";
import { Foreign } from "./foreign.tsx";
import { Icon } from "./icon.tsx";
import { sentence } from "./notice.tsx";
import { PartyName } from "./party-name.tsx";

type Recipient = Receipt["recipients"][number];

export interface RecipientCardProps {
  readonly recipient: Recipient;
  /** The largest amount on the receipt, for the bars. */
  readonly most: number;
}

/** One member that handled a question: how much, what it could see, and what not. */
export function RecipientCard({ recipient, most }: RecipientCardProps): JSX.Element {
  const { name, role, traffic, outcome, sees, hidden, collections = [] } = recipient;
  const way = outcome?.status === "missing" ? "meant for it" : "to it";
  return (
    <li class={`recipient is-${role}`} data-recipient={name}>
      <header class="recipient-head">
        <h2>
          <PartyName name={name} />
        </h2>
        <span class="chip">{role}</span>
        {collections.map((collection) => (
          <span key={collection.name} class="chip">
            <Foreign text={`“${collection.name}”`} />, {collection.mode}
          </span>
        ))}
      </header>
      <dl class="flows">
        <Flow label={way} icon="up" amount={traffic.up} most={most} />
        <Flow label="from it" icon="down" amount={traffic.down} most={most} />
      </dl>
      <Parts recipient={recipient} />
      <div class="sights">
        <section>
          <h3>
            <Icon name="eye" /> Could see
          </h3>
          <ul>
            {sees.map((text) => (
              <li key={text}>
                <Foreign text={text} />
              </li>
            ))}
          </ul>
        </section>
        <section>
          <h3>
            <Icon name="hidden" /> Could not see
          </h3>
          {hidden.length === 0 ? <p class="bad-words">Nothing of this was hidden from it.</p> : null}
          <ul>
            {hidden.map((text) => (
              <li key={text}>
                <Foreign text={text} />
              </li>
            ))}
          </ul>
        </section>
      </div>
      <BudgetLine recipient={recipient} />
    </li>
  );
}

interface FlowProps {
  readonly label: string;
  readonly icon: "up" | "down";
  readonly amount: Recipient["traffic"]["up"];
  readonly most: number;
}

function Flow({ label, icon, amount, most }: FlowProps): JSX.Element {
  return (
    <div class="flow">
      <dt>
        <Icon name={icon} /> {label}
      </dt>
      <dd>
        <span class="flow-bytes" data-bytes={amount.bytes}>
          {bytes(amount.bytes)}
        </span>
        <span class="soft">{count(amount.messages, "message")}</span>
        <Bar share={amount.bytes / most} kind={icon} />
      </dd>
    </div>
  );
}

/** What a member's bytes were. */
function Parts({ recipient: { parts } }: { readonly recipient: Recipient }): JSX.Element | null {
  if (!parts) return null;
  const { question, scores, session } = parts;
  const shown = [
    question.bytes > 0 ? `question ${bytes(question.bytes)}` : "",
    scores.bytes > 0 ? `scores ${bytes(scores.bytes)}` : "",
    session.up.bytes + session.down.bytes > 0
      ? `passages and hints ${bytes(session.up.bytes)} to it, ${bytes(session.down.bytes)} from it`
      : "",
  ].filter((text) => text !== "");
  return shown.length === 0 ? null : <p class="soft parts">{shown.join(" · ")}</p>;
}

function BudgetLine({ recipient: { budget, outcome } }: { readonly recipient: Recipient }): JSX.Element | null {
  if (!budget) return null;
  const { counted, usual, spent } = budget;
  const wasCounted = outcome?.status === "answered" ? "Counted" : "May have counted";
  return (
    <p class="budget">
      <strong>Budget</strong>{" "}
      {spent === undefined
        ? `${wasCounted} as ${count(counted, "question")} there. It answers ${number(usual.questions)} of yours in ${count(usual.days, "day")}, unless its operator says otherwise.`
        : oneLine(sentence(spent))}
    </p>
  );
}
