import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { OwnCollection } from "../../api.ts";
import { count, mebibytes, number } from "../format.ts";
import { type Drop, drop, isDropping, takeIn } from "../state/drop.ts";
import { Icon } from "./icon.tsx";
import { FaultNotice, Notice } from "./notice.tsx";
import { Prose } from "./prose.tsx";

export interface DropZoneProps {
  readonly own: OwnCollection;
  /** Called when documents may have changed. */
  readonly onDone: () => void;
}

export function DropZone({ own, onDone }: DropZoneProps): JSX.Element {
  const isOver = useSignal(false);
  const id = useId();
  const { kinds, limits } = own;
  const take = (files: FileList | null | undefined): void => {
    void takeIn([...(files ?? [])], own).then(onDone);
  };
  return (
    <section class="drop" aria-labelledby={id}>
      <h2 id={id}>Add documents</h2>
      <label
        class={isOver.value ? "drop-zone is-over" : "drop-zone"}
        onDragOver={(event) => {
          event.preventDefault();
          isOver.value = true;
        }}
        onDragLeave={() => {
          isOver.value = false;
        }}
        onDrop={(event) => {
          event.preventDefault();
          isOver.value = false;
          take(event.dataTransfer?.files);
        }}
      >
        <input
          type="file"
          multiple
          accept={kinds.join(",")}
          disabled={isDropping()}
          onChange={({ currentTarget }) => {
            take(currentTarget.files);
          }}
        />
        <Icon name="file" />
        <span class="drop-words">
          <strong>Drop files here, or choose them</strong>
          <span class="soft">
            {kinds.join(" ")} · at most {count(limits.files, "file")} of {mebibytes(limits.fileBytes)} each
          </span>
        </span>
      </label>
      {drop.value ? <Progress state={drop.value} /> : null}
    </section>
  );
}

function Progress({ state }: { readonly state: Drop }): JSX.Element {
  const { phase, files, sent, progress, problems, report, fault } = state;
  const isUnderWay = phase === "sending" || phase === "taking-in";
  return (
    <div class="drop-progress" aria-live="polite">
      {isUnderWay ? (
        <label>
          <span>{inWords(state)}</span>
          <progress
            {...(phase === "sending"
              ? { value: sent, max: files }
              : progress?.total
                ? { value: progress.done, max: progress.total }
                : {})}
          />
        </label>
      ) : null}
      {report ? (
        <Notice kind="calm" icon="check">
          {number(report.documents.added)} added, {number(report.documents.changed)} changed,{" "}
          {number(report.documents.unchanged)} unchanged: {count(report.passages, "passage")} encoded in{" "}
          {report.seconds.toFixed(1)} s. A node that is running serves them within a second.
        </Notice>
      ) : null}
      {problems.length > 0 ? <Problems problems={problems} report={report} /> : null}
      {fault ? <FaultNotice fault={fault} /> : null}
    </div>
  );
}

interface ProblemsProps {
  readonly problems: Drop["problems"];
  /** Not there yet while files are taken in. */
  readonly report: Drop["report"] | undefined;
}

/** What could not be read, and how many more there were. */
function Problems({ problems, report }: ProblemsProps): JSX.Element {
  const more = (report?.problems ?? 0) - problems.length;
  const reasons = Object.entries(report?.reasons ?? {}).map(([reason, many]) => `${number(many)} ${reason}`);
  return (
    <Notice kind="warn">
      <ul class="drop-problems">
        {problems.map(({ message }) => (
          <li key={message}>
            <Prose text={message} />
          </li>
        ))}
      </ul>
      {more > 0 ? (
        <p>
          And {number(more)} more. All by reason: {reasons.join(", ")}.
        </p>
      ) : null}
    </Notice>
  );
}

function inWords({ phase, sent, files, progress }: Drop): string {
  if (phase === "sending") return `Sending to your node: ${number(sent)} of ${count(files, "file")}`;
  if (progress?.phase !== "encoding") return "Reading";
  return `Encoding: ${number(progress.done)} of ${count(progress.total ?? progress.done, "passage")}`;
}
