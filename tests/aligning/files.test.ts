import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { readEntityIds, writeAlignedIds } from "../../party-node/aligning/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => {
  folder[Symbol.dispose]();
});
const fileWith = (name: string, text: string): string => {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
};

describe("a party's ids", () => {
  test("are lines, or a column of a CSV file", async () => {
    expect(await readEntityIds(fileWith("a.txt", "\uFEFFx 1\r\n\n  y,2 \nz"))).toEqual(["x 1", "y,2", "z"]);
    expect(await readEntityIds(fileWith("a.csv", 'age,id\n3,"x, 1"\n\n4, y \n'))).toEqual(["x, 1", "y"]);
    expect(await readEntityIds(fileWith("b.CSV", "age,patient\n3,p\n"), "patient")).toEqual(["p"]);
  });

  const bad: { id: string; name: string; text: string; code: string; says: RegExp }[] = [
    { id: "a line twice", name: "1.txt", text: "a\nWaldemar\nWaldemar\n", code: "IDS_DUPLICATE", says: /3 .* line 2/ },
    { id: "no id", name: "3.csv", text: "id,n\n1,Waldemar\n,Waldemar\n", code: "ID_MISSING", says: /line 3/ },
    { id: "long", name: "7.txt", text: `a\n${"Waldemar".repeat(65)}`, code: "ID_TOO_LONG", says: /line 2/ },
    { id: "no column", name: "4.csv", text: "key\nWaldemar\n", code: "ENTITIES_MALFORMED", says: /no column id/ },
    { id: "no CSV", name: "5.csv", text: "id\nWaldemar,2\n", code: "ENTITIES_MALFORMED", says: /is no CSV/ },
    { id: "empty CSV", name: "6.csv", text: "", code: "ENTITIES_MALFORMED", says: /no column/ },
  ];
  test.each(bad)("$id: $code", async ({ name, text, code, says }) => {
    const error: Error = await readEntityIds(fileWith(name, text)).then(
      () => new Error("read"),
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) });
    expect(`${error.message}${String(error.cause)}`).not.toContain("Waldemar");
  });

  test("a file in another encoding than UTF-8 is refused: other letters would become the same", async () => {
    const path = join(folder.path, "latin-1.txt");
    writeFileSync(path, Buffer.from("M\u00fcller\n", "latin1"));
    await expect(readEntityIds(path)).rejects.toMatchObject({
      code: "ENTITIES_MALFORMED",
      message: expect.stringMatching(/not UTF-8/),
    });
  });

  test("a file that is not there is named", async () => {
    await expect(readEntityIds(join(folder.path, "nowhere"))).rejects.toMatchObject({ code: "ENTITIES_MISSING" });
  });
});

test("aligned ids are one JSON object, for this user alone, in place of the last", () => {
  const path = join(folder.path, "aligned.json");
  writeAlignedIds(path, ["c"]);
  writeAlignedIds(path, ["b", "a"]);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ version: 1, ids: ["b", "a"] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
