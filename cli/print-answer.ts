import { styleText } from "node:util";
import type { Answer, CheckedCitation } from "../party-node/answering/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { SUSPICIONS, where } from "./print-passages.ts";
import { oneLine } from "./printable.ts";

/** Where an answer's statements come from, for people: every passage that the endpoint was sent, under the number that the answer gives it. */
export function printSources(answer: Answer, passages: readonly CitedPassage[]): void {
  const out = process.stdout;
  if (!answer.isComplete) out.write(warning("The model stopped at a limit of its endpoint; the answer is not whole."));
  if (answer.citations.length === 0)
    out.write(warning("The answer cites no passage: nothing here shows where it comes from."));
  out.write(`\n${styleText("bold", "Sources")}\n`);
  for (const [i, passage] of passages.slice(0, answer.passagesSent).entries()) {
    const citations = answer.citations.filter(({ number }) => number === i + 1);
    out.write(`${sourceLine(i + 1, passage)}${citations.length === 0 ? styleText("dim", "  not cited") : ""}\n`);
    for (const suspicion of passage.suspect ?? []) out.write(warning(SUSPICIONS[suspicion]));
    for (const citation of citations) printFlag(citation);
  }
  for (const citation of answer.citations) if (citation.flag === "no-such-passage") printFlag(citation);
  const left = passages.length - answer.passagesSent;
  if (left > 0)
    out.write(styleText("dim", `${String(left)} more passages did not fit and were not sent (--prompt-chars).\n`));
}

function sourceLine(number: number, { party, documentId, ordinal, place, title }: CitedPassage): string {
  const source = `${styleText("bold", `[${String(number)}]`)} ${party} · ${oneLine(documentId)}${where({ ordinal, place })}`;
  const heading = oneLine(title);
  return heading === "" ? source : `${source}  ${styleText("italic", heading)}`;
}

const FLAGS: Readonly<Record<NonNullable<CheckedCitation["flag"]>, (citation: CheckedCitation) => string>> = {
  "no-such-passage": ({ number }) => `cites [${String(number)}], and there is no such passage`,
  "few-shared-words": () => "has few words of what cites it",
  "another-fits-better": ({ better }) => `has fewer words of what cites it than [${String(better)}]`,
};

function printFlag(citation: CheckedCitation): void {
  if (!citation.flag) return;
  const [words, sentence] = [FLAGS[citation.flag](citation), oneLine(citation.sentence)];
  process.stdout.write(warning(`check: ${words}: "${sentence.length > 90 ? `${sentence.slice(0, 90)} …` : sentence}"`));
}

const warning = (text: string): string => `    ${styleText("yellow", text)}\n`;
