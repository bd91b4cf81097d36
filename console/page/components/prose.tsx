import { Fragment, type JSX } from "preact";
import { oneLine } from "../format.ts";

/** Text in which names of options and modes stand between backticks. Parties and file names may have a part in it, so it is shown as foreign text is. */
export function Prose({ text }: { readonly text: string }): JSX.Element {
  return (
    <bdi>
      {oneLine(text)
        .split("`")
        .map((part, at) => (
          <Fragment key={at}>{at % 2 === 1 ? <code>{part}</code> : part}</Fragment>
        ))}
    </bdi>
  );
}
