import type { JSX } from "preact";
import type { CitedPassage } from "../../api.ts";
import { paragraphsOf } from "../paragraphs.ts";
import { Bar } from "./bar.tsx";
import { Foreign } from "./foreign.tsx";
import { Icon } from "./icon.tsx";
import { PartyName } from "./party-name.tsx";

export interface PassageListProps {
  readonly passages: readonly CitedPassage[];
  readonly onOpen: (index: number) => void;
}

/** Best first. */
export function PassageList({ passages, onOpen }: PassageListProps): JSX.Element {
  const best = passages[0]?.score ?? 0;
  const sameAs = repeated(passages);
  return (
    <ol class="passages" aria-label="Passages, the best first">
      {passages.map((passage, index) => (
        <li key={`${passage.party}/${passage.documentId}/${String(passage.ordinal)}`} class="passage">
          <span class="passage-rank" aria-hidden="true">
            {index + 1}
          </span>
          <div class="passage-main">
            <h3>
              <button type="button" class="passage-open" onClick={() => onOpen(index)}>
                <Foreign text={titleOf(passage)} />
              </button>
            </h3>
            <PassageMeta passage={passage} />
            {sameAs(index) === null ? (
              <p class="passage-text">{paragraphsOf(passage.text).join("\n")}</p>
            ) : (
              <p class="passage-meta">the same words as {sameAs(index)}</p>
            )}
            <Suspicions passage={passage} />
          </div>
          <span class="passage-score">
            <span class="for-readers">Score </span>
            {passage.score.toFixed(3)}
            <Bar share={best > 0 ? passage.score / best : 0} />
          </span>
        </li>
      ))}
    </ol>
  );
}

/** @returns Of each passage the rank of the first before it that has the same words; null where none has. */
function repeated(passages: readonly CitedPassage[]): (index: number) => number | null {
  const texts = passages.map(({ text }) => text.replace(/\s+/g, " ").trim());
  return (index) => {
    const first = texts.indexOf(texts[index] ?? "");
    return first < index ? first + 1 : null;
  };
}

export function titleOf({ title, documentId }: CitedPassage): string {
  return title === "" ? documentId : title;
}

export function PassageMeta({ passage }: { readonly passage: CitedPassage }): JSX.Element {
  const { party, collection, documentId, title, ordinal, alsoFrom = [], place } = passage;
  const parties = passage.parts?.map((part) => part.party) ?? [party];
  const others = [...new Set(alsoFrom.map((other) => other.party))];
  return (
    <p class="passage-meta">
      {parties.map((name) => (
        <PartyName key={name} name={name} />
      ))}
      {collection === undefined ? null : <Foreign text={`“${collection}”`} />}
      {title === "" ? null : <Foreign class="document-name" text={documentId} />}
      <Foreign text={place ?? `passage ${String(ordinal + 1)}`} />
      {others.length === 0 ? null : <span>also at {others.join(", ")}</span>}
    </p>
  );
}

const SUSPICIONS = {
  "score-too-high": "Its words cannot earn the score that its party sent.",
  "no-sentences": "It reads like words put together to be found, not like text.",
} as const;

export function Suspicions({ passage: { suspect = [] } }: { readonly passage: CitedPassage }): JSX.Element | null {
  if (suspect.length === 0) return null;
  return (
    <p class="suspicion">
      <Icon name="alert" />
      {suspect.map((one) => SUSPICIONS[one]).join(" ")}
    </p>
  );
}
