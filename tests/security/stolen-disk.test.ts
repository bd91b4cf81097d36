import { expect, test } from "@jest/globals";
import { matchByLength } from "../../simulations/security/disk/match-by-length.ts";
import { stolenDisk } from "../../simulations/security/disk/stolen-disk.ts";
import { toyLab } from "./toy-lab.ts";

test("a length that one candidate has names it, one that four have names it one time in four", () => {
  expect(matchByLength([10, 20, 30], [40])).toBe(1);
  expect(matchByLength([512, 512], [512, 512])).toBe(0.25);
});

test("without the key a store shows nothing that an unsealed one shows", async () => {
  await using lab = toyLab("stolen-disk");
  const { findings } = await stolenDisk.run(lab);
  expect(findings.map(({ metric }) => metric)).toEqual([
    "stretches of passages found in the files (share)",
    "vectors found in the files (share)",
    "exact match@1",
  ]);
  for (const { value, baseline, threshold } of findings) {
    expect(value).toBeLessThan(threshold);
    expect(baseline).toBeGreaterThan(0.6);
  }
});
