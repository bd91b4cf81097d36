import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { cpSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuditLog } from "../../operation/audit/index.ts";
import { createNodeFolder, openNode, writeConfig } from "../../party-node/node-folder.ts";
import { toBase64 } from "../../protocol/index.ts";
import { TestFederation } from "../support/federation.ts";
import { expectNoSecrets, expectRefusal, expectUsageError, sotto } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const dir = join(folder.path, "alpha");
let publicKey: string;
let heads: string[] = [];

/** A folder as `sotto init` and `sotto federation join` leave it. */
beforeAll(async () => {
  await using f = await TestFederation.start({ corpora: { alpha: { one: "a passage" } }, absent: ["alpha"] });
  createNodeFolder(dir, "alpha");
  writeConfig(dir, { name: "alpha", rootPublicKey: f.rootPublicKey });
  copyFileSync(f.keyPath("alpha"), join(dir, "node.key"));
  writeFileSync(join(dir, "federation.json"), f.file);
  const { folder: own, identity, federation, keys } = openNode(dir);
  publicKey = toBase64(keys.identity.publicKey);
  let now = Date.UTC(2026, 4, 1, 8);
  await using log = await AuditLog.open({ folder: own.auditPath, identity, federation, wallClock: () => now });
  log.record({ kind: "started", role: "party" });
  log.record({ kind: "query-answered", member: "asker", passages: 4000, bytes: 20_480, ms: 31 });
  await log.flush();
  heads = [log.head.hash];
  now = Date.UTC(2026, 4, 2, 8);
  log.record({ kind: "query-refused", member: null, code: "SIGNATURE_INVALID" });
  log.record({ kind: "fetch-delivered", member: "asker", passages: 5, bytes: 32_768 });
  await log.flush();
  heads.push(log.head.hash);
});
afterAll(() => {
  expectNoSecrets(folder.path);
  folder[Symbol.dispose]();
});

const audit = (...args: string[]) => sotto(["audit", ...args]);

describe("sotto audit", () => {
  test("verify says in a line what holds, and that the end does only with a head", async () => {
    const [plain, json] = await Promise.all([
      audit("verify", "--dir", dir),
      audit("verify", "--dir", dir, "--head", heads[0]!.toUpperCase(), "--json"),
    ]);
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout).toMatch(
      /^The audit log of alpha holds: entries 1 to 8, 2026-05-01T.* to 2026-05-02T.*, in 1 file\. .*only with --head\.\n$/,
    );
    expect(JSON.parse(json.stdout)).toMatchObject({ member: "alpha", first: 1, last: 8, head: heads[1] });
  });

  test("a copy is verified with the key alone, and a tampered one is refused", async () => {
    const copy = join(folder.path, "copy");
    const tampered = join(folder.path, "tampered");
    for (const one of [copy, tampered]) {
      mkdirSync(one);
      cpSync(join(dir, "audit"), join(one, "audit"), { recursive: true });
    }
    const path = join(tampered, "audit", "audit-000001.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"passages":4000', '"passages":4'));
    const says = /entry 4 is not what it was when entry 5 was written after it.*ask who had access/;
    const [held] = await Promise.all([
      audit("verify", "--dir", copy, "--key", publicKey),
      expectRefusal(["audit", "verify", "--dir", tampered, "--key", publicKey], { fault: "AUDIT_BROKEN", says }),
      expectRefusal(["audit", "verify", "--dir", copy, "--key", publicKey, "--head", "0".repeat(64)], {
        fault: "AUDIT_BROKEN",
        says: /head that was kept elsewhere/,
      }),
    ]);
    expect(held).toMatchObject({ code: 0, stderr: "" });
  });

  test("show prints a table, or JSON lines, from a time on; head prints what others keep", async () => {
    const [table, json, head] = await Promise.all([
      audit("show", "--dir", dir, "--since", "2026-05-02"),
      audit("show", "--dir", dir, "--json"),
      audit("head", "--dir", dir),
    ]);
    expect(table.stdout).toMatch(/2026-05-02 08:00:00 +│ query-refused +│ unknown +│ code SIGNATURE_INVALID/);
    expect(table.stdout).toMatch(/fetch-delivered +│ asker +│ passages 5, bytes 32768/);
    expect(table.stdout).not.toMatch(/started|signed|query-answered/);
    const lines = json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string });
    expect(lines.map(({ kind }) => kind)).toEqual(
      "file signed started query-answered signed query-refused fetch-delivered signed".split(" "),
    );
    expect(head).toMatchObject({ code: 0, stdout: `${heads[1]!}\n` });
  });

  test("refuses what it cannot make sense of", async () => {
    await Promise.all([
      expectUsageError(["audit", "verify", "--dir", dir, "--head", "abc"], /64 hexadecimal digits/),
      expectUsageError(["audit", "verify", "--dir", dir, "--key", "abc"], /32 bytes in base64/),
      expectUsageError(["audit", "show", "--dir", dir, "--since", "yesterday"], /2026-05-31/),
    ]);
    const help = await audit("--help");
    expect(help).toMatchObject({ code: 0 });
    expect(help.stdout).toMatch(/verify[^]*show[^]*head[^]*sotto audit verify --head/);
  });
});
