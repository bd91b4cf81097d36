import type { JSX } from "preact";
import { helpOpen, setShortcuts, shortcutsOn } from "../state/shortcuts.ts";
import { Dialog } from "./dialog.tsx";

const KEYS = [
  ["/", "to the question"],
  ["Enter", "asks; with Shift begins a new line"],
  ["← →", "in a passage: the one before, the next"],
  ["Esc", "closes what is open"],
  ["?", "this help"],
] as const;

export function HelpDialog(): JSX.Element | null {
  if (!helpOpen.value) return null;
  return (
    <Dialog
      title="Keys"
      onClose={() => {
        helpOpen.value = false;
      }}
    >
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="tick">
        <input
          type="checkbox"
          checked={shortcutsOn.value}
          onChange={({ currentTarget }) => {
            setShortcuts(currentTarget.checked);
          }}
        />{" "}
        Keys <kbd>/</kbd> and <kbd>?</kbd> are on
      </label>
    </Dialog>
  );
}
