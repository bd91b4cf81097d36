import { signal } from "@preact/signals";
import type { DropEvents, Fault, IngestProgress, OwnCollection } from "../../api.ts";
import { Refusal, faultOf, request, stream } from "../client.ts";
import { count, mebibytes } from "../format.ts";

export interface Drop {
  readonly phase: "sending" | "taking-in" | "done" | "failed";
  readonly files: number;
  /** Files that the node has. */
  readonly sent: number;
  readonly progress?: IngestProgress;
  /** The first ones, at most {@link PROBLEMS_SHOWN_MAX}; the report counts all of them. */
  readonly problems: readonly { readonly file: string; readonly message: string }[];
  readonly report?: DropEvents["done"];
  readonly fault?: Fault;
}

/** Nobody reads more, and a list of thousands stops the page. */
const PROBLEMS_SHOWN_MAX = 100;

/** The last files that were dropped. */
export const drop = signal<Drop | null>(null);

export const isDropping = (): boolean => drop.value?.phase === "sending" || drop.value?.phase === "taking-in";

/** Sends files to the node and has it read them. */
export async function takeIn(files: readonly File[], { limits }: OwnCollection): Promise<void> {
  if (isDropping() || files.length === 0) return;
  drop.value = { phase: "sending", files: files.length, sent: 0, problems: [] };
  try {
    refuseTooMuch(files, limits);
    const { id } = await request<{ id: string }>("/api/drops", { method: "POST" });
    for (const [at, file] of files.entries()) {
      await request(`/api/drops/${id}/files/${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
      change({ sent: at + 1 });
    }
    change({ phase: "taking-in" });
    await stream<DropEvents>(`/api/drops/${id}/ingest`, {}, (event) => {
      if (event.name === "progress") change({ progress: event.data });
      else if (event.name === "problem") addProblem(event.data);
      else if (event.name === "done") change({ phase: "done", report: event.data });
      else change({ phase: "failed", fault: event.data });
    });
    if (isDropping()) change({ phase: "failed", fault: cutOff });
  } catch (error) {
    change({ phase: "failed", fault: faultOf(error) });
  }
}

const cutOff: Fault = { code: "CUT_OFF", detail: "The node ended early; drop the files again." };

/** The node looks too; this says so before anything is sent. @throws Refusal. */
function refuseTooMuch(files: readonly File[], limits: OwnCollection["limits"]): void {
  const refuse = (detail: string): never => {
    throw new Refusal({ code: "DROP_LIMIT", detail });
  };
  if (files.length > limits.files)
    refuse(`At most ${count(limits.files, "file")} at a time; ingest a folder with sotto ingest.`);
  const large = files.find(({ size }) => size > limits.fileBytes);
  if (large) refuse(`${large.name} is larger than ${mebibytes(limits.fileBytes)}.`);
  if (files.reduce((sum, { size }) => sum + size, 0) > limits.bytes)
    refuse(`All files together may have ${mebibytes(limits.bytes)} at most.`);
}

/** A person knows a file by its name, not by where the node has put it. */
function named({ file, message }: DropEvents["problem"]): Drop["problems"][number] {
  const name = file.split(/[/\\]/).at(-1) ?? file;
  return { file: name, message: message.replaceAll(file, name) };
}

function addProblem(problem: DropEvents["problem"]): void {
  const problems = drop.value?.problems ?? [];
  if (problems.length < PROBLEMS_SHOWN_MAX) change({ problems: [...problems, named(problem)] });
}

function change(to: Partial<Drop>): void {
  if (drop.value) drop.value = { ...drop.value, ...to };
}
