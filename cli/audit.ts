import Table from "cli-table3";
import { Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import { type AuditEntry, type AuditSummary, type VerifyOptions, verifyAuditLog } from "../operation/audit/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { dirOption } from "./options.ts";
import { jsonLine } from "./printable.ts";

interface Where {
  readonly dir: string;
  readonly key?: Uint8Array[];
}

export function auditCommand(): Command {
  return new Command("audit")
    .description("the account that a node or coordinator keeps of who asked it for how much")
    .addCommand(verifyCommand())
    .addCommand(showCommand())
    .addCommand(headCommand())
    .addHelpText(
      "after",
      "\nThe log shows what was changed, inserted, moved or removed in it after it was signed. That its end was cut off shows only against a head that somebody\nelse has kept: send what `sotto audit head` prints to another organisation from time to time, and give it to `sotto audit verify --head`.",
    );
}

const keyOption = (): Option =>
  new Option(
    "--key <key>",
    "public key that the log must be signed with, base64; again for one that the node had before. Default: the node's, and those that the federation's log says it had",
  ).argParser((text: string, others: Uint8Array[] | undefined) => [...(others ?? []), parseKey(text)]);

function parseKey(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) throw new InvalidArgumentError("a public key is 32 bytes in base64");
  return new Uint8Array(Buffer.from(text, "base64"));
}

function parseHead(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new InvalidArgumentError("a head is 64 hexadecimal digits, as sotto audit head prints it");
  return text.toLowerCase();
}

function parseSince(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError("expected a date or time as 2026-05-31 or 2026-05-31T08:00:00Z");
  return date;
}

/** With --key the folder need not be a node's: a copy of its `audit` in any folder will do. */
function whatToVerify({ dir, key: publicKeys }: Where): VerifyOptions {
  if (publicKeys) return { folder: join(dir, "audit"), publicKeys };
  const { folder, identity, federation } = openNode(dir);
  const keys = [identity.secretKey.slice(32), ...federation.formerKeysOf(identity.name)];
  return { folder: folder.auditPath, publicKeys: keys, federationId: federation.id };
}

function verifyCommand(): Command {
  return new Command("verify")
    .description("check every entry and signature of the log")
    .addOption(dirOption())
    .addOption(keyOption())
    .option("--head <hex>", "a head of this log that was kept elsewhere", parseHead)
    .option("--json", "print the result as JSON", false)
    .action(({ head, json, ...where }: Where & { readonly head?: string; readonly json: boolean }) => {
      const summary = verifyAuditLog({ ...whatToVerify(where), ...(head === undefined ? {} : { head }) });
      process.stdout.write(json ? jsonLine(summary) : inWords(summary, head !== undefined));
    });
}

function inWords({ member, files, first, last, since, until, unsignedBytes }: AuditSummary, hadHead: boolean): string {
  const tail =
    unsignedBytes === 0
      ? ""
      : ` The last ${String(unsignedBytes)} bytes are not signed and count for nothing: a crash has left them, or they are being written.`;
  const end = hadHead ? "" : " That nothing was cut off at the end shows only with --head.";
  return `The audit log of ${member} holds: entries ${String(first)} to ${String(last)}, ${since} to ${until}, in ${String(files)} ${files === 1 ? "file" : "files"}.${tail}${end}\n`;
}

function headCommand(): Command {
  return new Command("head")
    .description("print the hash of the last signed entry, to be kept by somebody else; checks the log first")
    .addOption(dirOption())
    .addOption(keyOption())
    .action((where: Where) => {
      process.stdout.write(`${verifyAuditLog(whatToVerify(where)).head}\n`);
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("print the entries, and check the log on the way")
    .addOption(dirOption())
    .addOption(keyOption())
    .option("--since <time>", "only entries since then: 2026-05-31 or 2026-05-31T08:00:00Z", parseSince)
    .option("--json", "print entries as JSON lines, with hashes and signatures", false)
    .action(({ since, json, ...where }: Where & { readonly since?: Date; readonly json: boolean }) => {
      const entries: AuditEntry[] = [];
      verifyAuditLog(whatToVerify(where), (entry) => {
        if (!since || new Date(entry.time) >= since) entries.push(entry);
      });
      process.stdout.write(json ? entries.map(jsonLine).join("") : tableOf(entries));
    });
}

/** Without what the log says of itself to be checked. */
function tableOf(entries: readonly AuditEntry[]): string {
  const table = new Table({
    head: ["entry", "time", "what", "member", "how much"],
    style: { head: [], border: [] },
  });
  for (const entry of entries) {
    if (entry.kind === "signed" || entry.kind === "file") continue;
    const { sequence, time, kind, previous: _previous, ...rest } = entry;
    const { member = "", ...counts } = rest as { readonly member?: string | null } & Readonly<Record<string, unknown>>;
    const howMuch = Object.entries(counts).filter(([, value]) => value !== null);
    table.push([
      sequence,
      time.replace("T", " ").slice(0, 19),
      kind,
      member ?? "unknown",
      howMuch.map(([name, value]) => `${name} ${String(value)}`).join(", "),
    ]);
  }
  return table.length === 0 ? "No entries.\n" : `${table.toString()}\n`;
}
