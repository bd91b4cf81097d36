import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../support/cli.ts";

/** One command of a page. */
export interface Step {
  /** Whose prompt stands before it; empty where none does. */
  readonly machine: string;
  readonly command: string;
  /** Line in the page, from 1. */
  readonly line: number;
}

/** A fenced block of commands that no test runs, and why. */
export interface Illustration {
  readonly line: number;
  readonly why: string;
}

export interface Page {
  readonly name: string;
  readonly text: string;
  readonly steps: readonly Step[];
  readonly illustrations: readonly Illustration[];
}

const FENCE = /(?:<!-- not run: ([^>]*) -->\n\n)?^```sh\n([\s\S]*?)^```$/gm;

/**
 * Reads the commands of a page in docs/: every line of its `sh` blocks, `clinic$` before one being the machine where it is typed. A block behind the
 * comment `not run: REASON` is an illustration.
 */
export function readPage(name: string): Page {
  const text = readFileSync(join(repository, "docs", name), "utf8");
  const steps: Step[] = [];
  const illustrations: Illustration[] = [];
  for (const { 0: block, 1: why, 2: body = "", index } of text.matchAll(FENCE)) {
    const first = lineOf(text, index + block.indexOf("```sh") + 6);
    if (why === undefined) steps.push(...stepsOf(body, first));
    else illustrations.push({ line: first, why });
  }
  return { name, text, steps, illustrations };
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length;

function stepsOf(body: string, first: number): Step[] {
  const steps: Step[] = [];
  const lines = body.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = first + i;
    let typed = lines[i] ?? "";
    while (typed.endsWith("\\")) typed += `\n${lines[++i] ?? ""}`;
    const [, machine = "", command = ""] = /^(?:([a-z]+)\$ +)?([\s\S]*?)(?:^#| {2}#[^\n]*)?$/.exec(typed) ?? [];
    if (command.trim() !== "") steps.push({ machine, command: command.trim(), line });
  }
  return steps;
}
