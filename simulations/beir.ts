import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Fault } from "../crypto/fault.ts";

export type BeirFaultCode = "FILE_MISSING" | "BAD_LINE";

/** One line of `corpus.jsonl`. */
export interface BeirDocument {
  readonly id: string;
  /** Empty when the line has none. */
  readonly title: string;
  readonly text: string;
}

/** One line of `queries.jsonl`. */
export interface BeirQuery {
  readonly id: string;
  readonly text: string;
}

/** Query id -> document id -> grade (an integer; above 0 means relevant). */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** @throws Fault FILE_MISSING, BAD_LINE. */
export async function loadBeirCorpus(file: string): Promise<BeirDocument[]> {
  const documents: BeirDocument[] = [];
  for await (const { value, fail } of jsonLines(file)) {
    const { _id, title = "", text } = value;
    if (typeof _id !== "string" || typeof title !== "string" || typeof text !== "string") {
      throw fail("needs the strings `_id` and `text`, and `title` if there is one");
    }
    documents.push({ id: _id, title, text });
  }
  return documents;
}

/** @throws Fault FILE_MISSING, BAD_LINE. */
export async function loadBeirQueries(file: string): Promise<BeirQuery[]> {
  const queries: BeirQuery[] = [];
  for await (const { value, fail } of jsonLines(file)) {
    const { _id, text } = value;
    if (typeof _id !== "string" || typeof text !== "string") throw fail("needs the strings `_id` and `text`");
    queries.push({ id: _id, text });
  }
  return queries;
}

/**
 * Reads tab-separated `query-id  corpus-id  grade`; a first line whose grade is not a number is a header.
 *
 * @throws Fault FILE_MISSING, BAD_LINE.
 */
export async function loadQrels(file: string): Promise<Qrels> {
  const qrels = new Map<string, Map<string, number>>();
  for await (const { line, lineNumber, fail } of lines(file)) {
    const [query, document, grade, ...rest] = line.split("\t");
    const isGrade = grade !== undefined && /^-?\d+$/.test(grade.trim());
    if (lineNumber === 1 && !isGrade) continue;
    if (!query || !document || !isGrade || rest.length > 0)
      throw fail("is not `query-id <tab> corpus-id <tab> integer grade`");
    let grades = qrels.get(query);
    if (!grades) qrels.set(query, (grades = new Map<string, number>()));
    grades.set(document, Number(grade));
  }
  return qrels;
}

/** One set: its documents, the queries that have at least one relevant document (in file order), and all grades. */
export interface BeirSet {
  readonly documents: readonly BeirDocument[];
  readonly queries: readonly BeirQuery[];
  readonly qrels: Qrels;
}

/**
 * Reads `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` of one folder.
 *
 * @throws Fault FILE_MISSING, BAD_LINE.
 */
export async function loadBeirSet(directory: string): Promise<BeirSet> {
  const documents = await loadBeirCorpus(join(directory, "corpus.jsonl"));
  const qrels = await loadQrels(join(directory, "qrels.tsv"));
  const queries = await loadBeirQueries(join(directory, "queries.jsonl"));
  return { documents, queries: judgedQueries(queries, qrels), qrels };
}

/** The queries with at least one document of a grade above 0, in the order given. */
export function judgedQueries(queries: readonly BeirQuery[], qrels: Qrels): BeirQuery[] {
  return queries.filter(({ id }) => [...(qrels.get(id)?.values() ?? [])].some((grade) => grade > 0));
}

interface Line {
  readonly line: string;
  /** From 1. */
  readonly lineNumber: number;
  readonly fail: (problem: string) => Fault;
}

/** Lines that are not blank. */
async function* lines(file: string): AsyncGenerator<Line> {
  if (!existsSync(file)) throw new Fault<BeirFaultCode>("FILE_MISSING", `${file} does not exist; check the path.`);
  let lineNumber = 0;
  for await (const line of createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Infinity })) {
    const number = ++lineNumber;
    if (line.trim() === "") continue;
    const fail = (problem: string): Fault =>
      new Fault<BeirFaultCode>("BAD_LINE", `${file}, line ${number} ${problem}; correct or remove it.`);
    yield { line, lineNumber: number, fail };
  }
}

async function* jsonLines(file: string): AsyncGenerator<Line & { value: Record<string, unknown> }> {
  for await (const entry of lines(file)) {
    let value: unknown;
    try {
      value = JSON.parse(entry.line);
    } catch {
      throw entry.fail("is not JSON"); // the parser's own message quotes the line, so it is no cause
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw entry.fail("is not a JSON object");
    yield { ...entry, value: value as Record<string, unknown> };
  }
}
