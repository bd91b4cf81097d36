import type { JSX } from "preact";
import type { Receipt } from "../../api.ts";
import { FigureTile } from "../components/figure-tile.tsx";
import { Foreign } from "../components/foreign.tsx";
import { Heading } from "../components/heading.tsx";
import { Icon } from "../components/icon.tsx";
import { Journey } from "../components/journey.tsx";
import { Notice } from "../components/notice.tsx";
import { RecipientCard } from "../components/recipient-card.tsx";
import { bytes, clock, count } from "../format.ts";
import { type Asked, receipted } from "../state/questions.ts";
import { address, go, place } from "../state/route.ts";
import { save } from "../save.ts";

export function ReceiptsView(): JSX.Element {
  const all = receipted.value;
  const shown = all.find(({ asked }) => String(asked.id) === place.value.detail) ?? all[0];
  if (!shown)
    return (
      <>
        <Heading title="Privacy receipts" />
        <div class="blank">
          <Icon name="receipts" />
          <p>
            Every question that was sent gets a receipt, whether or not it was answered: what left this machine, to whom
            it went, and what each of them could see.
          </p>
          <a class="button" href={address("ask")}>
            Ask a question
          </a>
        </div>
      </>
    );
  return (
    <>
      <Heading title="Privacy receipt">
        {all.length > 1 ? <ReceiptChoice all={all.map(({ asked }) => asked)} shown={shown.asked} /> : null}
      </Heading>
      <ReceiptSheet receipt={shown.receipt} question={shown.asked.question} />
    </>
  );
}

function ReceiptChoice({ all, shown }: { readonly all: readonly Asked[]; readonly shown: Asked }): JSX.Element {
  return (
    <label class="choice">
      <span class="for-readers">Receipt of</span>
      <select value={shown.id} onChange={({ currentTarget }) => go("receipts", currentTarget.value)}>
        {all.map(({ id, question, askedAt }) => (
          <option key={id} value={id}>
            {clock(askedAt)} · {question.length > 60 ? `${question.slice(0, 60)}…` : question}
          </option>
        ))}
      </select>
    </label>
  );
}

const MODES: Readonly<Record<Receipt["mode"], string>> = {
  private: "Encrypted",
  vertical: "Encrypted, scores added",
  clear: "In clear",
};

function ReceiptSheet({ receipt, question }: { readonly receipt: Receipt; readonly question: string }): JSX.Element {
  const { total, recipients, mode, askedAt, querier, federation, failure } = receipt;
  const most = Math.max(...recipients.map(({ traffic }) => Math.max(traffic.up.bytes, traffic.down.bytes)), 1);
  return (
    <article class="receipt">
      <p class="receipt-question">{question}</p>
      <p class="soft">
        Asked by {querier} in <Foreign text={federation} />,{" "}
        {new Date(askedAt).toLocaleString("en", { dateStyle: "long", timeStyle: "medium" })}
      </p>
      {failure === undefined ? null : (
        <Notice kind="warn">
          This question ended without an answer (<code class="code">{failure}</code>). The receipt has what was sent
          until then; those of whom nothing was known may have got it or not.
        </Notice>
      )}
      <dl class="tiles">
        <FigureTile
          label="Left this machine"
          value={bytes(total.up.bytes)}
          beside={count(total.up.messages, "message")}
        />
        <FigureTile label="Came back" value={bytes(total.down.bytes)} beside={count(total.down.messages, "message")} />
        <FigureTile
          label="Question"
          value={MODES[mode]}
          beside={mode === "clear" ? "everybody could read it" : "a fresh key, used once"}
        />
        <FigureTile
          label="Handled by"
          value={String(recipients.length)}
          beside={recipients.length === 1 ? "member" : "members"}
        />
      </dl>
      <Journey receipt={receipt} />
      <ol class="recipients" aria-label="Who handled it">
        {recipients.map((recipient) => (
          <RecipientCard key={recipient.name} recipient={recipient} most={most} />
        ))}
      </ol>
      <footer class="receipt-foot">
        <button
          type="button"
          class="primary"
          onClick={() => {
            save(`sotto-receipt-${askedAt.replaceAll(":", "-")}.json`, `${JSON.stringify(receipt, null, 2)}\n`);
          }}
        >
          <Icon name="save" /> Download as JSON
        </button>
        <p class="soft">
          Counted by this node as it sent and received. Encryption adds 17 bytes a message, the network a little more.
          Everything goes through the coordinator, so what is listed for a party is part of what is listed there. How
          many questions are left at a party the protocol does not tell. The file holds neither your question nor any
          passage.
        </p>
      </footer>
    </article>
  );
}
