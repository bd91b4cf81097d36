import { styleText } from "node:util";
import type { Answer, CheckedCitation, CitationFlag } from "../party-node/answering/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { PARAGRAPH_END, SUSPICIONS, printText, repeated, where } from "./print-passages.ts";
import { inNumber, oneLine } from "./printable.ts";

/**
 * Where an answer's statements come from, for people: every passage that the endpoint was sent, under the number that the answer gives it. Those that are cited, or all where none is, are
 * shown whole, so that a reader can check them without another question.
 */
export function printSources(answer: Answer, passages: readonly CitedPassage[]): void {
  const out = process.stdout;
  const { citations, isComplete, passagesSent, passagesCut, hasMoreCitations } = answer;
  const sent = passages.slice(0, passagesSent);
  if (!isComplete) out.write(warning("The model stopped at a limit of its endpoint; the answer is not whole."));
  if (citations.length === 0)
    out.write(warning("The answer cites no passage: nothing here shows where it comes from."));
  if (hasMoreCitations)
    out.write(
      warning(`The answer has too many citations: only the first were checked, ${String(citations.length)} in all.`),
    );
  for (const citation of unknown(citations)) printUnknown(citation, sent.length);
  out.write(`\n${styleText("bold", "Sources")}\n`);
  const citing = (number: number): CheckedCitation[] => citations.filter((citation) => citation.number === number);
  const isShown = (number: number): boolean => citations.length === 0 || citing(number).length > 0;
  const sameAs = repeated(sent, (i) => isShown(i + 1));
  for (const [i, passage] of sent.entries()) {
    const own = citing(i + 1);
    out.write(`${sourceLine(i + 1, passage)}${own.length === 0 ? styleText("dim", "  not cited") : ""}\n`);
    if (isShown(i + 1)) printText(withoutTitle(passage), sameAs(i));
    if (passagesCut.includes(i + 1)) out.write(`    ${styleText("dim", CUT)}\n`);
    for (const suspicion of passage.suspect ?? []) out.write(warning(SUSPICIONS[suspicion]));
    for (const citation of own) printFlag(citation);
  }
  const left = passages.length - sent.length;
  if (left > 0)
    out.write(
      styleText(
        "dim",
        `${inNumber(left, "more passage")} did not fit and ${left === 1 ? "was" : "were"} not sent (--prompt-chars).\n`,
      ),
    );
}

const CUT = "too long for its part of the prompt: the model was sent only its beginning (--prompt-chars)";

/** The title stands beside the source; the first passage of a document often begins with it once more. */
function withoutTitle(passage: CitedPassage): CitedPassage {
  const [first = "", ...others] = passage.text.split(PARAGRAPH_END);
  const isTitle = others.length > 0 && oneLine(first) === oneLine(passage.title);
  return { ...passage, title: "", text: isTitle ? others.join("\n\n") : passage.text };
}

function sourceLine(number: number, { party, documentId, ordinal, place, title }: CitedPassage): string {
  const source = `${styleText("bold", `[${String(number)}]`)} ${party} · ${oneLine(documentId)}${where({ ordinal, place })}`;
  const heading = oneLine(title);
  return heading === "" ? source : `${source}  ${styleText("italic", heading)}`;
}

const FLAGS: Readonly<Record<CitationFlag, (citation: CheckedCitation) => string>> = {
  "no-such-passage": ({ number }) => `there is no passage [${String(number)}]`,
  "few-shared-words": () => "has few words of what cites it",
  "another-fits-better": ({ better }) => `has fewer words of what cites it than [${String(better)}]`,
};

/** Below the source that is cited. */
function printFlag(citation: CheckedCitation): void {
  if (citation.flag) process.stdout.write(warning(`check: ${FLAGS[citation.flag](citation)}: ${quoted(citation)}`));
}

/** Each number that names no passage once, where it is cited first. */
function unknown(citations: readonly CheckedCitation[]): Iterable<CheckedCitation> {
  const first = new Map<number, CheckedCitation>();
  for (const citation of citations)
    if (citation.flag === "no-such-passage" && !first.has(citation.number)) first.set(citation.number, citation);
  return first.values();
}

/** With the answer, for no source is what it cites. */
function printUnknown({ number, ...citation }: CheckedCitation, sent: number): void {
  const those = sent === 1 ? "one passage" : `${String(sent)} passages`;
  process.stdout.write(
    warning(`check: the answer cites [${String(number)}], but the model was sent ${those}: ${quoted(citation)}`),
  );
}

function quoted({ sentence: whole }: Pick<CheckedCitation, "sentence">): string {
  const sentence = oneLine(whole);
  return `"${sentence.length > 90 ? `${sentence.slice(0, 90)} …` : sentence}"`;
}

const warning = (text: string): string => `    ${styleText("yellow", text)}\n`;
