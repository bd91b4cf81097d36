import { expect, test } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const pages = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );

test("docs/api is what the docstrings say: npm run api-docs makes it", () => {
  using folder = temporaryFolder();
  execFileSync(process.execPath, [join(repository, "scripts", "api-docs.ts"), folder.path], {
    cwd: repository,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const made = pages(folder.path);
  expect(made["sotto.md"]).toMatch(/^## connect\(\)$.*^## SottoClient$/ms);
  expect(pages(join(repository, "docs", "api"))).toEqual(made);
}, 120_000);

test("no public name and none of its properties is without a description", () => {
  const text = Object.values(pages(join(repository, "docs", "api"))).join("\n");
  const rows = [...text.matchAll(/^\| (?:<a id="[^"]*"><\/a> )?`([^`]+)` .*\| (.*?) *\|$/gm)];
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter(([, , description]) => description === "-").map(([, name]) => name)).toEqual([]);
});
