import type { JSX } from "preact";

/** The colours that parties are told apart by, beside their names. */
const COLOURS = 6;

export function PartyName({ name }: { readonly name: string }): JSX.Element {
  return (
    <span class={`party-name hue-${hueOf(name).toString()}`}>
      <span class="party-dot" aria-hidden="true" />
      {name}
    </span>
  );
}

const hues = new Map<string, number>();

/** Names get theirs in the order in which they are met, so that few parties never share one. */
function hueOf(name: string): number {
  const hue = hues.get(name) ?? hues.size % COLOURS;
  hues.set(name, hue);
  return hue;
}
