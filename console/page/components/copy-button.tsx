import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "./icon.tsx";

const SHOWN_MS = 2000;

export function CopyButton({ text, what }: { readonly text: string; readonly what: string }): JSX.Element {
  const isCopied = useSignal(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    isCopied.value = true;
    setTimeout(() => {
      isCopied.value = false;
    }, SHOWN_MS);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <Icon name={isCopied.value ? "check" : "copy"} /> {isCopied.value ? "Copied" : "Copy"}
      <span class="for-readers"> {what}</span>
    </button>
  );
}
