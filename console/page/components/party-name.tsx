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

/** The same for a name always. */
function hueOf(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (31 * sum + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % COLOURS;
}
