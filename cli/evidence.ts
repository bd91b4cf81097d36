import Table from "cli-table3";
import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import { federationLayout } from "../party-node/asking/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import {
  EvidenceFolder,
  type EvidenceFaultCode,
  type Verdict,
  judge,
  readEvidence,
  revealQuestion,
  writeEvidence,
} from "../party-node/evidence/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { dirOption } from "./options.ts";
import { jsonLine, oneLine } from "./printable.ts";

/** Exit code when evidence does not prove what it says. */
const EXIT_NOT_PROVEN = 5;

export function evidenceCommand(): Command {
  return new Command("evidence")
    .description("what this node has found of parties that lied, with their own signatures as proof")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(exportCommand())
    .addHelpText(
      "after",
      "\n`sotto query` keeps what it finds in the node's folder. What would show a question is sealed to this node's key until `export --reveal-question`.",
    );
}

function listCommand(): Command {
  return new Command("list")
    .description("what was found; nothing is verified")
    .addOption(dirOption())
    .option("--json", "print one JSON object a file", false)
    .action(({ dir, json }: { readonly dir: string; readonly json: boolean }) => {
      const { folder, federation } = openNode(dir);
      const kept = new EvidenceFolder(folder.evidencePath);
      const rows = kept
        .names()
        .map((file) => ({ file, ...summaryOf(() => readEvidence(kept.read(file), federation)) }));
      if (json) process.stdout.write(rows.map(jsonLine).join(""));
      else process.stdout.write(tableOf(rows));
    });
}

type Summary = { readonly party: string; readonly claim: string; readonly found: string } | { readonly fault: string };

function summaryOf(read: () => ReturnType<typeof readEvidence>): Summary {
  try {
    const { party, claim, foundAtMs } = read();
    return { party, claim: claim.kind, found: timeOf(foundAtMs) };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.code };
    throw error;
  }
}

function tableOf(rows: readonly (Summary & { readonly file: string })[]): string {
  if (rows.length === 0) return "Nothing was found.\n";
  const table = new Table({ head: ["file", "party", "claim", "found"], style: { head: [], border: [] } });
  for (const row of rows) {
    if ("fault" in row) table.push([oneLine(row.file), "", `cannot be read: ${row.fault}`, ""]);
    else table.push([oneLine(row.file), row.party, row.claim, row.found]);
  }
  return `${table.toString()}\n`;
}

function showCommand(): Command {
  return new Command("show")
    .description("verify evidence from what the party has signed alone")
    .argument("<file>", "a name that list prints, or a path")
    .addOption(dirOption())
    .option("--json", "print one JSON object", false)
    .action(async (file: string, { dir, json }: { readonly dir: string; readonly json: boolean }) => {
      const { folder, federation, identity, encoderSpec } = openNode(dir);
      const bytes = new EvidenceFolder(folder.evidencePath).read(file);
      const opened: Encoder[] = [];
      const encoder = async (): Promise<Encoder> => {
        const own = await openEncoder(encoderSpec);
        opened.push(own);
        return own;
      };
      try {
        const verdict = await judge(bytes, { federation, layout: federationLayout(federation), encoder, identity });
        process.stdout.write(json ? jsonLine(forJson(verdict)) : inWords(verdict, identity.name));
        if (!verdict.proven) process.exitCode = EXIT_NOT_PROVEN;
      } finally {
        for (const own of opened) await own.close();
      }
    })
    .addHelpText("after", "\nExit code 5: it does not prove what it says.");
}

function forJson({ foundAtMs, ...verdict }: Verdict): unknown {
  return { ...verdict, found: timeOf(foundAtMs) };
}

const CLAIMS = {
  "block-misdescribed": "described a block otherwise than its version says",
  "passage-foreign": "handed out a passage that its collection did not hold",
  "score-too-high": "sent a score that its passage cannot earn",
} as const;

function inWords({ party, finder, claim, foundAtMs, proven, why, showsQuestion }: Verdict, self: string): string {
  const lines = [
    `${finder} says, on ${timeOf(foundAtMs)}: ${party} ${CLAIMS[claim]}.`,
    proven ? `Proven: ${oneLine(why)}.` : `NOT PROVEN: ${oneLine(why)}.`,
  ];
  if (showsQuestion) lines.push("This file shows the question to whoever has it.");
  else if (claim === "score-too-high" && finder === self)
    lines.push(
      "The question is sealed to this node's key: others can verify this only after `sotto evidence export --reveal-question`, which shows them the question.",
    );
  return `${lines.join("\n")}\n`;
}

function exportCommand(): Command {
  return new Command("export")
    .description("write evidence for others to verify")
    .argument("<file>", "a name that list prints, or a path")
    .requiredOption("--out <file>", "where to; it is written with mode 0600")
    .option("--reveal-question", "SHOW THE QUESTION, and every score it was given, to whoever gets the file", false)
    .addOption(dirOption())
    .action((file: string, { dir, out, revealQuestion: reveal }: ExportOptions) => {
      const { folder, federation, identity } = openNode(dir);
      const bytes = new EvidenceFolder(folder.evidencePath).read(file);
      const { claim } = readEvidence(bytes, federation);
      const isSealed = claim.kind === "score-too-high" && claim.opening instanceof Uint8Array;
      if (isSealed && !reveal)
        throw new Fault<EvidenceFaultCode>(
          "QUESTION_SEALED",
          "others can verify this only if they see the question; say so with --reveal-question if that is what you want",
        );
      writeEvidence(out, revealQuestion(bytes, { federation, identity }));
      if (isSealed) process.stderr.write(`${out} shows the question to whoever has it.\n`);
    });
}

interface ExportOptions {
  readonly dir: string;
  readonly out: string;
  readonly revealQuestion: boolean;
}

const timeOf = (ms: number): string => {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "a time that is none" : date.toISOString();
};
