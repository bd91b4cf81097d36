// Makes docs/limits.md from the docstrings of the limits; a test fails when the two differ.
//   node scripts/run.mjs scripts/limits-docs.ts
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealedStoreLimits } from "../party-node/sealed-store/limits.ts";
import { limits, messageLimits } from "../protocol/index.ts";

const root = join(import.meta.dirname, "..");
export const LIMITS_PAGE = join(root, "docs", "limits.md");

interface Documented {
  readonly name: string;
  readonly value: number;
  /** What the docstring says, and of whom `@by` says that it enforces the limit. */
  readonly reason: string;
  readonly by: string;
}

/** Every entry of an object of numbers in a source file, with its docstring. */
function documented(file: string, values: Readonly<Record<string, number>>): Documented[] {
  const source = readFileSync(join(root, file), "utf8");
  return Object.entries(values).map(([name, value]) => {
    const found = new RegExp(`/\\*\\* ((?:(?!\\*/).)*?)(?: @by ([^*]*))? \\*/\\n  ${name}:`).exec(source);
    if (!found) throw new Error(`${file}: ${name} has no docstring of one line`);
    return { name, value, reason: found[1] ?? "", by: found[2] ?? "" };
  });
}

/** 16,777,216 as 16 MiB where that is what was meant, 30000 ms as 30 s. */
function shown(name: string, value: number): string {
  const [ms, bytes] = [/Ms(Max|Min|Default)?$/.test(name), /Bytes/.test(name)];
  if (ms) return value % 1000 === 0 ? `${String(value / 1000)} s` : `${String(value)} ms`;
  if (bytes && value % 2 ** 20 === 0) return `${String(value / 2 ** 20)} MiB`;
  if (bytes && value % 1024 === 0) return `${String(value / 1024)} KiB`;
  if (value >= 1e12) return value.toExponential().replace("+", "");
  return `${value.toLocaleString("en")}${bytes ? " bytes" : ""}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The page as the sources have it. */
export function limitsPage(): string {
  const protocol = documented("protocol/limits.ts", limits);
  for (const { name, by } of protocol)
    if (by === "") throw new Error(`protocol/limits.ts: ${name} does not say by whom`);
  const host = documented("party-node/sealed-store/limits.ts", sealedStoreLimits);
  const messages = Object.entries(messageLimits).map(([type, { bytesMax, deadlineMs }]) => [
    `\`${type}\``,
    shown("bytesMax", bytesMax),
    shown("deadlineMs", deadlineMs),
  ]);
  return `<!-- Made by scripts/limits-docs.ts from protocol/limits.ts, protocol/*messages.ts and party-node/sealed-store/limits.ts; change those. -->
<!-- prettier-ignore-start -->

# Limits

Every limit on what comes from outside, and why it is what it is. They are enforced before the memory is taken that they are to save: bytes of a stranger where they arrive, a frame's size from its head, a message's items while it is
parsed, a list's length before it is read. _Enforced by_ names who refuses: a party does not rely on its coordinator, nor a querier on either. A limit that members agree on is in the signed federation file instead.

How many questions a querier may ask is each party's to say (\`sotto node --query-budget\`, of one querier \`sotto rights\`, by default a sixteenth of the encoder's dimensions in 30 days): [extraction.md](extraction.md).

## Protocol

${table(
  ["limit", "value", "enforced by", "what and why"],
  protocol.map(({ name, value, by, reason }) => [`\`${name}\``, shown(name, value), by, reason]),
)}

## Messages

The largest encoding of each message, whatever its fields would allow, and how long its answer may take; refused by whoever receives it.

${table(["message", "at most", "deadline"], messages)}

## What a host stores

Enforced by the host of a collection, whoever its owner is.

${table(
  ["limit", "value", "what and why"],
  host.map(({ name, value, reason }) => [`\`${name}\``, shown(name, value), reason]),
)}

<!-- prettier-ignore-end -->
`;
}

if (import.meta.main) writeFileSync(LIMITS_PAGE, limitsPage());
