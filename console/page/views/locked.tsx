import type { JSX } from "preact";
import { Notice, sentence } from "../components/notice.tsx";
import { enter } from "../state/session.ts";

/** For whoever comes without a link that still works. */
export function LockedView({ detail }: { readonly detail: string | undefined }): JSX.Element {
  return (
    <main class="alone" id="main">
      <h1>This console is closed to this tab</h1>
      {detail === undefined ? null : <Notice kind="warn">{sentence(detail)}</Notice>}
      <p>
        Go to the terminal where <code>sotto console</code> runs and open the newest link that it has printed. A link
        works once and lets in one tab; when it was used, the next one is printed.
      </p>
      <p class="soft">
        That keeps other programs and other people on this machine out, and pages that you visit in the same browser.
      </p>
    </main>
  );
}

export function GoneView(): JSX.Element {
  return (
    <main class="alone" id="main">
      <h1>The node does not answer</h1>
      <p>
        <code>sotto console</code> may have ended. Start it again and open the link that it prints; what this tab had
        asked is gone when you do.
      </p>
      <button type="button" class="primary" onClick={() => void enter()}>
        Try again
      </button>
    </main>
  );
}
