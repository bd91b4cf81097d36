import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { limits } from "../../protocol/index.ts";
import { endToEndMessages, hopMessages, messageLimits } from "../../protocol/messages.ts";
import { LIMITS_PAGE, limitsPage } from "../../scripts/limits-docs.ts";

const page = (name: string): string => readFileSync(join(import.meta.dirname, "..", "..", "docs", name), "utf8");

test("docs/limits.md is what the limits say of themselves; mend it with `node scripts/run.mjs scripts/limits-docs.ts`", () => {
  expect(readFileSync(LIMITS_PAGE, "utf8")).toBe(limitsPage());
});

const protocol = page("protocol.md");
/** Row of a message's table, its cells trimmed. */
const rowOf = (type: string): string[] =>
  protocol
    .split("\n")
    .find((line) => line.startsWith(`| \`${type}\``))
    ?.split("|")
    .map((cell) => cell.trim()) ?? [];

/** Those that docs/protocol.md describes itself. */
const described = {
  ...hopMessages,
  ...Object.fromEntries(Object.entries(endToEndMessages).filter(([type]) => !type.includes("-"))),
};

test.each(Object.entries(described))("docs/protocol.md tells fields and size of %s as they are", (type, schema) => {
  const row = rowOf(type);
  for (const field of Object.keys(schema.shape)) if (field !== "type") expect(row.join("|")).toContain(`\`${field}\``);
  expect(row).toContain(messageLimits[type as keyof typeof messageLimits].bytesMax.toLocaleString("en"));
});

test("docs/protocol.md names the family of every other message", () => {
  for (const type of Object.keys(endToEndMessages))
    if (type.includes("-")) expect(protocol).toContain(`\`${type.split("-")[0] ?? ""}-*\``);
});

test("figures that docs/protocol.md repeats are the limits'", () => {
  const en = (value: number): string => value.toLocaleString("en");
  for (const words of [
    `more than ${en(limits.messageItemsMax)} items`,
    `at most ${en(limits.frameFragmentsMax)} fragments`,
    `Each message has at most ${en(limits.handshakeBytesMax)} bytes, a proof at most ${en(limits.handshakeProofBytesMax)}`,
    `at most ${String(limits.strangerBytesMax / 1024)} KiB from the other, ${String(limits.handshakeTimeoutMs / 1000)} s long`,
    `at most ${String(limits.requestsQueuedMax)} wait, and at most ${en(limits.requestBytesQueuedMax)} bytes`,
    `more than ${en(limits.sendQueueBytesFair)} bytes wait`,
    `no number twice, at most ${en(limits.blocksPerPartyMax)}`,
    `more than ${en(limits.queryClockSkewMsMax)} off its clock`,
    `${String(8 * limits.fetchHandlesMax)} bytes, ${String(limits.fetchHandlesMax)} of u32 block`,
    `a multiple of ${en(limits.passagePadBytes)} bytes`,
    `at most ${String(limits.blocksPerMessageMax)} of \`block\``,
    `${String(limits.fetchWindowMs / 1000)} s long`,
  ])
    expect(protocol).toContain(words);
});
