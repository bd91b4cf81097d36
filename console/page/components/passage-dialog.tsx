import type { JSX } from "preact";
import type { CitedPassage } from "../../api.ts";
import { paragraphsOf } from "../paragraphs.ts";
import { Dialog } from "./dialog.tsx";
import { Foreign } from "./foreign.tsx";
import { Icon } from "./icon.tsx";
import { PassageMeta, Suspicions, titleOf } from "./passage-list.tsx";
import { PartyName } from "./party-name.tsx";

export interface PassageDialogProps {
  readonly passages: readonly CitedPassage[];
  readonly index: number;
  readonly onMove: (index: number) => void;
  readonly onClose: () => void;
}

/** A whole passage; arrow keys go to the ones beside it. */
export function PassageDialog({ passages, index, onMove, onClose }: PassageDialogProps): JSX.Element | null {
  const passage = passages[index];
  if (!passage) return null;
  const move = (by: number): void => {
    if (passages[index + by]) onMove(index + by);
  };
  return (
    <Dialog
      title={<Foreign text={titleOf(passage)} />}
      class="passage-dialog"
      onClose={onClose}
      onKeyDown={({ key }) => {
        if (key === "ArrowLeft") move(-1);
        if (key === "ArrowRight") move(1);
      }}
    >
      <PassageMeta passage={passage} />
      <Suspicions passage={passage} />
      {/* Reachable by keyboard, for it may be long enough to scroll. */}
      <div class="reading" tabIndex={0} role="region" aria-label="Passage">
        {passage.parts
          ? passage.parts.map(({ party, text }) => (
              <section key={party}>
                <PartyName name={party} />
                {paragraphs(text)}
              </section>
            ))
          : paragraphs(passage.text)}
      </div>
      <OtherSources passage={passage} />
      <footer class="dialog-foot">
        <button type="button" class="quiet" disabled={index === 0} onClick={() => move(-1)}>
          <Icon name="left" /> Previous
        </button>
        <span>
          {index + 1} of {passages.length} · score {passage.score.toFixed(4)}
        </span>
        <button type="button" class="quiet" disabled={index === passages.length - 1} onClick={() => move(1)}>
          Next <Icon name="right" />
        </button>
      </footer>
    </Dialog>
  );
}

function paragraphs(text: string): JSX.Element[] {
  return paragraphsOf(text).map((paragraph, at) => <p key={at}>{paragraph}</p>);
}

function OtherSources({ passage: { alsoFrom = [] } }: { readonly passage: CitedPassage }): JSX.Element | null {
  if (alsoFrom.length === 0) return null;
  return (
    <section class="other-sources">
      <h3>Also held by</h3>
      <ul>
        {alsoFrom.map(({ party, documentId, identical }) => (
          <li key={`${party}/${documentId}`}>
            <PartyName name={party} /> <Foreign class="document-name" text={documentId} />{" "}
            {identical ? "word for word" : "in nearly the same words"}
          </li>
        ))}
      </ul>
    </section>
  );
}
