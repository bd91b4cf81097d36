import type { JSX } from "preact";

/** A share as a bar, beside a number that says it. @param share - 0 to 1. */
export function Bar({ share, kind = "" }: { readonly share: number; readonly kind?: string }): JSX.Element {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return (
    <svg class={`bar ${kind}`} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-all" width="100" height="4" rx="1" />
      <rect class="bar-share" width={width > 0 ? Math.max(width, 1) : 0} height="4" rx="1" />
    </svg>
  );
}
