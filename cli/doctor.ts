import { Command } from "commander";
import { accessSync, constants, existsSync } from "node:fs";
import { availableParallelism, freemem, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { Fault } from "../crypto/index.ts";
import { DocumentParser } from "../party-node/documents/index.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { checkEncoder } from "../party-node/asking/index.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { dial } from "../protocol/index.ts";
import { openNodeStore } from "./node-store.ts";
import { dirOption } from "./options.ts";

interface Finding {
  readonly what: string;
  readonly good: boolean;
  readonly says: string;
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("what this machine and this node have, what is missing, what to do")
    .addOption(dirOption())
    .action(runDoctor);
}

async function runDoctor({ dir }: { dir: string }, command: Command): Promise<void> {
  const named = command.getOptionValueSource("dir") === "cli";
  const findings = [
    ...machine(),
    await crypto(),
    await onnx(),
    await documents(),
    ...(existsSync(join(resolve(dir), "sotto.json")) ? await node(dir) : [noNode(dir, named)]),
  ];
  for (const { what, good, says } of findings)
    process.stdout.write(
      `${good ? styleText("green", "ok  ") : styleText("red", "fix ")} ${what.padEnd(14)} ${says}\n`,
    );
  if (findings.some(({ good }) => !good)) process.exitCode = 1;
}

function machine(): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const recent = major > 24 || (major === 24 && minor >= 7);
  const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  return [
    { what: "Node", good: recent, says: `${process.version}${recent ? "" : "; 24.7 or newer is needed"}` },
    { what: "processor", good: true, says: `${String(availableParallelism())} cores, ${process.arch}` },
    {
      what: "memory",
      good: freemem() > 2 ** 29,
      says: `${gib(freemem())} of ${gib(totalmem())} GiB free${freemem() > 2 ** 29 ? "" : "; at least half a GiB should be"}`,
    },
    temporaryFolder(),
  ];
}

/** Whether the process that parses documents starts here. */
async function documents(): Promise<Finding> {
  await using parser = new DocumentParser();
  try {
    const read = await parser.parse("csv", Buffer.from("column\nvalue"));
    return { what: "documents", good: !("reason" in read), says: "PDF, Office files, e-mail and others can be read" };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const says = `only text, Markdown and JSONL can be read: ${error.message.split(". ")[0] ?? ""}`;
    return { what: "documents", good: false, says };
  }
}

function temporaryFolder(): Finding {
  try {
    accessSync(tmpdir(), constants.W_OK);
    return { what: "temporary", good: true, says: `${tmpdir()} can be written` };
  } catch {
    return { what: "temporary", good: false, says: `${tmpdir()} cannot be written; set TMPDIR to a folder that can` };
  }
}

/** Loading them is the test: both are WebAssembly, one of them with SIMD. */
async function crypto(): Promise<Finding> {
  try {
    await import("../crypto/secret/index.ts");
    return { what: "cryptography", good: true, says: "SEAL at its 192-bit level, libsodium and the SIMD kernels load" };
  } catch (error) {
    return {
      what: "cryptography",
      good: false,
      says: `does not load (${error instanceof Error ? error.message : String(error)}); run npm ci, on Node 24.7 or newer`,
    };
  }
}

async function onnx(): Promise<Finding> {
  try {
    const { listSupportedBackends } = await import("onnxruntime-node");
    return {
      what: "onnxruntime",
      good: true,
      says: `can try ${listSupportedBackends()
        .map(({ name }) => name)
        .join(", ")}; SOTTO_DEVICE chooses`,
    };
  } catch (error) {
    return {
      what: "onnxruntime",
      good: false,
      says: `does not load (${error instanceof Error ? error.message : String(error)}); the lexical encoder works without it`,
    };
  }
}

/** @param named - Whether a person has said that there is one. */
function noNode(dir: string, named: boolean): Finding {
  return {
    what: "node",
    good: !named,
    says: `none in ${resolve(dir)}; \`sotto demo\` needs none, \`sotto init NAME\` makes one`,
  };
}

async function node(dir: string): Promise<Finding[]> {
  try {
    const opened = openNode(dir);
    const { identity, federation, encoderSpec, folder } = opened;
    const roles = federation.terms.members.find(({ name }) => name === identity.name)?.roles.join(", ") ?? "";
    const encoder = await openEncoder(encoderSpec);
    checkEncoder(encoder, federation);
    await encoder.close();
    const held = existsSync(folder.storePath) ? storeSummary(opened) : "no store yet; sotto ingest PATH fills it";
    return [
      {
        what: "node",
        good: true,
        says: `${identity.name} (${roles}) in "${federation.terms.name}", revision ${String(federation.terms.revision)}`,
      },
      { what: "encoder", good: true, says: `${encoder.spec} on ${encoder.device}, the federation's` },
      { what: "store", good: true, says: held },
      ...(await Promise.all(opened.coordinatorUrls.map((url) => reachable(url, opened)))),
    ];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [{ what: "node", good: false, says: `${error.code}: ${error.message}` }];
  }
}

function storeSummary(opened: ReturnType<typeof openNode>): string {
  const store = openNodeStore(opened);
  const says = `${String(store.rowCount)} passages of ${String(store.documentCount)} documents`;
  store.close();
  return says;
}

async function reachable(url: string, { ca, identity, federation }: OpenedNode): Promise<Finding> {
  try {
    (await dial(url, { identity, federation, ca })).close();
    return { what: "coordinator", good: true, says: `${url} answers` };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { what: "coordinator", good: false, says: `${error.code}: ${error.message}` };
  }
}
