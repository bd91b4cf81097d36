import type { JSX } from "preact";
import { oneLine } from "../format.ts";

export interface ForeignProps {
  readonly text: string;
  readonly class?: string;
}

/** One line that somebody else has written, such as a title: isolated, so that it cannot reorder what stands beside it. */
export function Foreign({ text, class: name }: ForeignProps): JSX.Element {
  return <bdi {...(name === undefined ? {} : { class: name })}>{oneLine(text)}</bdi>;
}
