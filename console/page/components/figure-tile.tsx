import type { JSX } from "preact";

export interface FigureTileProps {
  readonly label: string;
  readonly value: string;
  readonly beside?: string;
}

/** One figure and what it is. */
export function FigureTile({ label, value, beside }: FigureTileProps): JSX.Element {
  return (
    <div class="tile">
      <dt>{label}</dt>
      <dd>
        <span class="tile-value">{value}</span>
        {beside === undefined ? null : <span class="tile-beside">{beside}</span>}
      </dd>
    </div>
  );
}
