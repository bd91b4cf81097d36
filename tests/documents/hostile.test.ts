import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { DocumentParser } from "../../party-node/documents/index.ts";
import { Archive } from "../../party-node/documents/formats/archive.ts";
import type { ParsedFormat } from "../../party-node/documents/formats/parse.ts";
import { parseLimits } from "../../party-node/documents/formats/parse-limits.ts";
import { parserPermissions } from "../../party-node/documents/parser-permissions.ts";
import { READY } from "../../party-node/documents/parse-frames.ts";
import { archiveOf } from "../support/archive-of.ts";
import { repository } from "../support/cli.ts";
import { type DocumentFixture, oneOfEach } from "../support/document-fixtures.ts";
import {
  billionLaughs,
  deepDocx,
  deepMail,
  docxBomb,
  manyPagesPdf,
  nestedBomb,
  pptxOf,
  sparseXlsx,
} from "../support/hostile-documents.ts";

const parser = new DocumentParser();
let fixtures: DocumentFixture[];
beforeAll(async () => {
  fixtures = await oneOfEach();
});
afterAll(() => parser[Symbol.asyncDispose]());

const fixture = (extension: string): Buffer => fixtures.find(({ name }) => name.endsWith(extension))!.bytes;
const SLIDE = (text: string): string => `<sp><p><t>${text}</t></p></sp>`;

describe("a hostile file ends with its reason, and the next one is read", () => {
  test.each<[string, ParsedFormat, () => Promise<Uint8Array> | Uint8Array, string]>([
    ["a file in an archive that unpacks to 20 MB", "docx", () => docxBomb(20_000_000), "TOO_COSTLY"],
    ["elements within each other", "docx", () => deepDocx(20_000), "TOO_COSTLY"],
    ["elements within each other", "pptx", () => pptxOf("<a>".repeat(1e5) + "</a>".repeat(1e5)), "TOO_COSTLY"],
    ["entities that double", "pptx", () => pptxOf(billionLaughs()), "DAMAGED"],
    ["a quote that is never closed", "csv", () => Buffer.from(`a,b\n"${"x,".repeat(1e6)}`), "TOO_COSTLY"],
    ["a file of one line", "csv", () => Buffer.from("x,".repeat(2e6)), "TOO_COSTLY"],
    ["parts within each other", "eml", () => deepMail(300), "DAMAGED"],
  ])("%s, %s", async (_, format, bytes, reason) => {
    expect(await parser.parse(format, await bytes())).toMatchObject({ reason });
    expect(await parser.parse("csv", Buffer.from("a\n1"))).toMatchObject({ sections: [{ text: "a: 1" }] });
  });

  test("a parser that does not come back", async () => {
    await using impatient = new DocumentParser({ timeMsMax: 1000 });
    const page = Buffer.from("<div>".repeat(1e6));
    expect(await impatient.parse("html", page)).toEqual({
      reason: "TOO_COSTLY",
      what: expect.stringContaining("takes longer than 1 s"),
    });
  });

  test("a sheet of which two cells are used takes more memory than it may", async () => {
    await using small = new DocumentParser({ residentBytesMax: 200 * 2 ** 20 });
    expect(await small.parse("xlsx", await sparseXlsx(fixture("xlsx")))).toEqual({
      reason: "TOO_COSTLY",
      what: expect.stringContaining("too much memory"),
    });
    expect(await small.parse("xlsx", fixture("xlsx"))).toMatchObject({ unread: [] });
  });
});

test("memory beside the heap counts too", async () => {
  await using small = new DocumentParser({ residentBytesMax: 120 * 2 ** 20 });
  expect(await small.parse("csv", Buffer.from("a,b\n".repeat(8e6)))).toEqual({
    reason: "TOO_COSTLY",
    what: expect.stringContaining("too much memory"),
  });
});

test("archives in an archive stay packed, and a number of pages is not believed", async () => {
  expect(await parser.parse("docx", await nestedBomb())).toMatchObject({ title: "Protocols" });
  expect(await parser.parse("pdf", await manyPagesPdf())).toMatchObject({ sections: [{ place: "page 1" }] });
  expect(await parser.parse("pptx", await pptxOf(SLIDE("fine")))).toMatchObject({ sections: [{ text: "fine" }] });
});

test("an archive is counted as it is unpacked", async () => {
  const bytes = await archiveOf({ a: Buffer.alloc(4000, "ab"), b: Buffer.alloc(4000, "cd") });
  const limited = await Archive.open(bytes, { ...parseLimits, archiveBytesMax: 6000 });
  expect(await limited.text("a")).toHaveLength(4000);
  await expect(limited.text("b")).rejects.toMatchObject({ reason: "TOO_COSTLY" });
  await expect(Archive.open(bytes, { ...parseLimits, archiveEntriesMax: 1 })).rejects.toMatchObject({
    reason: "TOO_COSTLY",
  });
  const lying = Buffer.from(bytes);
  for (let at = lying.indexOf("PK\x01\x02", 0, "latin1"); at >= 0; at = lying.indexOf("PK\x01\x02", at + 1, "latin1"))
    lying.writeUInt32LE(10, at + 24); // the size it says it unpacks to
  await expect((await Archive.open(lying)).check()).rejects.toMatchObject({ reason: "DAMAGED" });
});

test("a file that was cut off is damaged, or read as far as it goes, and no parser is lost over it", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap").length;
  for (const { name, bytes } of fixtures) {
    const format = (/[^.]+$/.exec(name)?.[0] ?? "") as ParsedFormat;
    if (["txt", "md", "xhtml"].includes(format)) continue;
    for (const share of [0, 0.3, 0.9]) {
      const answer = await parser.parse(format, bytes.subarray(0, share * bytes.length));
      if ("reason" in answer) expect(["DAMAGED", "SCANNED"]).toContain(answer.reason);
      else expect(["html", "csv", "tsv", "eml", "pdf"]).toContain(format);
    }
  }
  const after = process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap").length;
  expect(after).toBe(before);
});

describe("the process that parses", () => {
  // What somebody could do who runs code there.
  test.each([
    ["reads no file of the machine", 'fs.readFileSync("/etc/passwd")'],
    ["reads nothing beside the program", `fs.readdirSync(${JSON.stringify(import.meta.dirname)})`],
    ["writes no file", `fs.writeFileSync(${JSON.stringify(join(import.meta.dirname, "written"))}, "x")`],
    ["starts no process", 'child_process.execFileSync("/bin/true")'],
  ])("%s", async (_, code) => {
    const program = `import fs from "node:fs"; import child_process from "node:child_process"; try { ${code} } catch (error) { console.log(error.code) }`;
    const options = [...parserPermissions(), "--input-type=module", "-e", program];
    const { stdout } = await promisify(execFile)(process.execPath, options, { env: {} });
    expect(stdout).toBe("ERR_ACCESS_DENIED\n");
  });

  test("starts no thread, in which nothing of this would hold", async () => {
    const attempt = `import { Worker } from "node:worker_threads";
import { writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
const attempts = {
  thread: () => new Worker("", { eval: true, execArgv: [] }),
  process: () => spawnSync(process.execPath, ["--version"]),
  file: () => writeFileSync(${JSON.stringify(join(import.meta.dirname, "written"))}, ""),
};
setTimeout(() => {
  const told = Object.entries(attempts).map(([name, attempt]) => {
    try { attempt(); return name + " allowed"; } catch (error) { return name + " " + error.code; }
  });
  writeFileSync(3, told.join(", "));
}, 1000);`;
    const program = join(repository, "party-node", "documents", "parse-process.ts");
    const options = [...parserPermissions(), `--import=data:text/javascript,${encodeURIComponent(attempt)}`];
    const child = spawn(process.execPath, [...options, program, String(parseLimits.residentBytesMax)], {
      env: {},
      stdio: ["pipe", "ignore", "ignore", "pipe"],
    });
    try {
      let answers = "";
      for await (const chunk of child.stdio[3] as Readable) {
        answers += (chunk as Buffer).toString("latin1");
        if (answers.includes("file")) break;
      }
      expect(answers).toContain(READY);
      expect(answers).toMatch(/thread ERR_ACCESS_DENIED, process ERR_ACCESS_DENIED, file ERR_ACCESS_DENIED$/);
    } finally {
      child.kill("SIGKILL");
    }
  });

  const childrenOf = (pid: number): string => `/proc/${String(pid)}/task/${String(pid)}/children`;
  (existsSync(childrenOf(process.pid)) ? test : test.skip)(
    "has no environment, is held by those permissions, and ends when its parent is killed",
    async () => {
      const parent = spawn(process.execPath, [join(import.meta.dirname, "parsing-parent.ts")], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      await once(parent.stdout, "data");
      const pid = Number(readFileSync(childrenOf(parent.pid!), "utf8").trim());
      expect(pid).toBeGreaterThan(0);
      expect(readFileSync(`/proc/${String(pid)}/environ`, "utf8")).toBe("");
      expect(readFileSync(`/proc/${String(pid)}/cmdline`, "utf8").split("\0")).toEqual(
        expect.arrayContaining(parserPermissions()),
      );
      parent.kill("SIGKILL");
      while (isThere(pid)) await setTimeout(20);
    },
  );
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
