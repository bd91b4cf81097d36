import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Overview } from "../../api.ts";
import { ask } from "../state/questions.ts";
import { shortcutsOn } from "../state/shortcuts.ts";

/** What is being typed; kept while another view is shown. */
const text = signal("");
const wanted = signal(5);
const CHOICES = [3, 5, 10, 20, 32];

export function QuestionForm({ overview }: { readonly overview: Overview }): JSX.Element {
  const { passagesMax, questionBytesMax, roles } = overview;
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  useEffect(() => {
    grow(box.current);
  }, [text.value]);
  const tooLong = new TextEncoder().encode(text.value).length > questionBytesMax;
  const isReady = text.value.trim() !== "" && !tooLong;
  const submit = (): void => {
    if (!isReady) return;
    void ask({ question: text.value.trim(), k: wanted.value });
    text.value = "";
  };
  return (
    <form
      class="question"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label class="for-readers" for="question">
        Your question
      </label>
      <textarea
        id="question"
        ref={box}
        rows={1}
        value={text.value}
        placeholder="Ask all parties a question"
        aria-describedby="question-hint"
        autocomplete="off"
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      <div class="question-foot">
        <label class="wanted">
          <span>Passages</span>
          <select
            value={wanted.value}
            onChange={({ currentTarget }) => {
              wanted.value = Number(currentTarget.value);
            }}
          >
            {CHOICES.filter((choice) => choice <= passagesMax).map((choice) => (
              <option key={choice} value={choice}>
                {choice}
              </option>
            ))}
          </select>
        </label>
        <span id="question-hint" class="question-hint">
          {tooLong
            ? "Too long; ask something shorter."
            : shortcutsOn.value
              ? "Enter asks, Shift and Enter begin a new line, / comes back here"
              : "Enter asks, Shift and Enter begin a new line"}
        </span>
        <button type="submit" class="primary" disabled={!isReady}>
          Ask
        </button>
      </div>
      {roles.includes("querier") ? null : (
        <p class="question-hint">This node is no querier of the federation; its founder can make it one.</p>
      )}
    </form>
  );
}

/** As high as what is in it. */
function grow(box: HTMLTextAreaElement | null): void {
  if (!box) return;
  box.style.height = "auto";
  box.style.height = `${String(box.scrollHeight)}px`;
}
