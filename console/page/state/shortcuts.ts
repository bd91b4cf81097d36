import { signal } from "@preact/signals";
import { go } from "./route.ts";

const KEY = "sotto.shortcuts";

/** Single keys disturb people who speak to their computer, so they can be switched off. */
export const shortcutsOn = signal(localStorage.getItem(KEY) !== "off");
export const helpOpen = signal(false);

export function setShortcuts(on: boolean): void {
  shortcutsOn.value = on;
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
}

/** @returns Ends it. */
export function listenForShortcuts(): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (!shortcutsOn.value || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      event.preventDefault();
      focusQuestion();
    } else if (event.key === "?") helpOpen.value = true;
  };
  addEventListener("keydown", onKey);
  return () => {
    removeEventListener("keydown", onKey);
  };
}

/** Goes to the question box, from wherever. */
export function focusQuestion(): void {
  go("ask");
  requestAnimationFrame(() => document.querySelector<HTMLTextAreaElement>("#question")?.focus());
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}
