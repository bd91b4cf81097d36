import { Command } from "commander";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import Table from "cli-table3";
import { styleText } from "node:util";
import type { CitedPassage, QueryResult } from "../party-node/asking/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { mean, overlapAtK } from "../simulations/metrics.ts";
import { plaintextTop } from "./plaintext-search.ts";
import { LocalFederation, type LocalParty } from "./local-federation.ts";
import { printPassages } from "./print-passages.ts";
import { jsonLine } from "./printable.ts";
import { ProgressBars } from "./progress.ts";
import { onStop } from "./supervision.ts";
import { type ProcessView, viewOfProcess } from "./process-view.ts";

const K = 3;
const PARTIES = ["riverside-hospital", "northgate-bank", "hale-and-partners"];

interface Asked {
  readonly question: string;
  readonly embedding: Float32Array;
  readonly result: QueryResult;
  readonly plaintext: readonly string[];
}

export function demoCommand(): Command {
  return new Command("demo")
    .description("three organisations, one question: four processes on this machine, made-up documents")
    .option("--json", "print one JSON object as the last line", false)
    .action(runDemo);
}

/** The folder with the demo's corpora: beside the sources, and one level further up in the built package. */
function demoFile(path: string): string {
  return fileURLToPath(new URL(join(import.meta.url.endsWith(".ts") ? ".." : "../..", "demo", path), import.meta.url));
}

async function runDemo({ json }: { json: boolean }): Promise<void> {
  const began = performance.now();
  const say = (text: string): void => void process.stderr.write(text);
  const questions = (JSON.parse(readFileSync(demoFile("questions.json"), "utf8")) as { question: string }[]).map(
    ({ question }) => question,
  );
  const parties: LocalParty[] = PARTIES.map((name) => ({ name, paths: [demoFile(join("corpora", name))] }));
  const encoder = await openEncoder("lexical");
  await using federation = new LocalFederation({ parties, encoder, transcripts: true });
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });

  say(`${styleText("bold", "Three organisations that do not show each other their documents:")}\n`);
  await ingestAll(federation, parties);
  const ingested = performance.now();
  await federation.start();
  const processes = federation.processes;
  say(`\nOne coordinator and three party nodes are running, each a process of its own.\n`);
  const started = performance.now();

  const asked = await askAll(federation, encoder, questions, parties, stop.signal, (one) => {
    if (!json) printAnswer(one);
  });
  const answered = performance.now();
  await federation.stop();

  const secrets = {
    questions,
    embeddings: asked.map(({ embedding }) => embedding),
    passages: asked.flatMap(({ result }) => result.passages.map(({ text }) => text)),
  };
  const views = processes.map(({ name, pid }) => ({
    pid,
    ...viewOfProcess(name, federation.transcriptOf(name), secrets),
  }));
  const overlap = mean(asked.map(({ result, plaintext }) => overlapAtK(result.passages.map(passageKey), plaintext, K)));
  if (json) {
    process.stdout.write(
      jsonLine(
        jsonReport(asked, views, overlap, {
          ingest: ingested - began,
          start: started - ingested,
          queries: answered - started,
          total: performance.now() - began,
        }),
      ),
    );
  } else {
    printViews(views);
    process.stdout.write(
      `\nThe same questions searched in the clear: ${overlap === 1 ? styleText("green", "exactly the same top passages") : styleText("red", `only ${(100 * overlap).toFixed(0)} % of the passages are the same`)}.\n`,
    );
  }
  if (overlap < 1 || views.some(({ readable }) => readable.length > 0)) process.exitCode = 1;
}

async function ingestAll(federation: LocalFederation, parties: readonly LocalParty[]): Promise<void> {
  const bars = new ProgressBars({ names: parties.map(({ name }) => name), show: true });
  try {
    await federation.ingest((party, event) => {
      if (event.event === "progress") bars.update(party, event);
    });
  } finally {
    bars.stop();
  }
}

async function askAll(
  federation: LocalFederation,
  encoder: Encoder,
  questions: readonly string[],
  parties: readonly LocalParty[],
  signal: AbortSignal,
  report: (one: Asked) => void,
): Promise<Asked[]> {
  using client = await federation.connect();
  const asked: Asked[] = [];
  for (const question of questions) {
    await client.warm();
    const result = await client.query(question, { k: K, signal }).result;
    const embedding = await encoder.encodeQuery(question);
    const plaintext = plaintextTop(
      parties.map(({ name }) => federation.folderOf(name)),
      embedding,
      K,
    ).map(passageKey);
    const one = { question, embedding, result, plaintext };
    asked.push(one);
    report(one);
  }
  return asked;
}

function passageKey({ party, documentId, ordinal }: Pick<CitedPassage, "party" | "documentId" | "ordinal">): string {
  return `${party}/${documentId}/${String(ordinal)}`;
}

function printAnswer({ question, result }: Asked): void {
  process.stdout.write(`\n${styleText(["bold", "cyan"], `? ${question}`)}\n`);
  printPassages(result.passages);
  process.stdout.write(
    styleText(
      "dim",
      `\n    ${String(result.parties.reduce((sum, { passagesScored }) => sum + passagesScored, 0))} encrypted scores from ${String(result.parties.length)} parties in ${result.timingsMs.total.toFixed(0)} ms\n`,
    ),
  );
}

function printViews(views: readonly (ProcessView & { readonly pid: number })[]): void {
  const table = new Table({
    head: ["process", "pid", "saw", "received", "sent", "readable of questions, vectors, passages"],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [20, 9, 42, 11, 11, 22],
  });
  for (const { name, pid, types, bytes, readable } of views) {
    const kinds = Object.entries(types).map(([type, count]) => `${String(count)} ${type}`);
    table.push([
      name,
      pid,
      kinds.join(", "),
      kilobytes(bytes.in),
      kilobytes(bytes.out),
      readable.length === 0 ? styleText("green", "nothing") : styleText("red", readable.join(", ")),
    ]);
  }
  process.stdout.write(`\n${styleText("bold", "What each process saw on the wire:")}\n${table.toString()}\n`);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}

function jsonReport(
  asked: readonly Asked[],
  views: readonly (ProcessView & { pid: number })[],
  overlap: number,
  timingsMs: Record<string, number>,
): unknown {
  return {
    questions: asked.map(({ question, result }) => ({
      question,
      passages: result.passages.map(({ party, documentId, text, score }) => ({ party, documentId, text, score })),
      timingsMs: result.timingsMs,
    })),
    plaintextOverlapAtK: overlap,
    timingsMs,
    bytes: Object.fromEntries(views.map(({ name, bytes }) => [name, bytes])),
    processes: views.map(({ name, pid, types, readable }) => ({ name, pid, messages: types, readable })),
  };
}
