import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { findRoots } from "../../party-node/documents/index.ts";
import { type WatchedChange, watchDocuments } from "../../party-node/documents/watch-documents.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Follows paths; `until` waits for changes until all of these paths were named. */
async function watching(...paths: string[]) {
  const stop = new AbortController();
  const changes = watchDocuments((await findRoots(paths)).roots, stop.signal);
  const seen: WatchedChange[] = [];
  const next = async (): Promise<WatchedChange> => {
    const { value } = (await changes.next()) as { value: WatchedChange };
    seen.push(value);
    return value;
  };
  return {
    seen,
    next,
    until: async (...wanted: string[]): Promise<void> => {
      const left = new Set(wanted);
      while (left.size > 0) for (const path of (await next()).paths) left.delete(path);
    },
    end: async () => {
      stop.abort();
      return await changes.next();
    },
  };
}

test("first everything, then what is new, changed or gone; hidden files are left out", async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  mkdirSync(at("sub"));
  for (const name of ["a.txt", "sub/b.txt", "sub/c.txt"]) writeFileSync(at(name), "one");
  const w = await watching(folder.path);
  expect(await w.next()).toEqual({ paths: [folder.path] });
  writeFileSync(at(".hidden.txt"), "x");
  writeFileSync(at("new.txt"), "x");
  writeFileSync(at("a.txt"), "two");
  rmSync(at("sub/b.txt"));
  await w.until(at("new.txt"), at("a.txt"), at("sub/b.txt"));
  expect(new Set(w.seen.slice(1).map(({ within }) => within))).toEqual(new Set([folder.path]));
  renameSync(at("sub"), at("moved"));
  await w.until(at("sub/c.txt"), at("moved/c.txt"));
  expect(w.seen.flatMap(({ paths }) => paths).filter((path) => path.includes("hidden"))).toEqual([]);
  expect(await w.end()).toMatchObject({ done: true });
});

test("a file alone is followed, and a folder that vanishes changes nothing until it is back", async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  mkdirSync(at("drive"));
  for (const name of ["drive/a.txt", "b.txt"]) writeFileSync(at(name), "one");
  const w = await watching(at("drive"), at("b.txt"));
  expect(await w.next()).toEqual({ paths: [at("drive"), at("b.txt")] });
  renameSync(at("drive"), at("unplugged"));
  writeFileSync(at("b.txt"), "two");
  expect(await w.next()).toEqual({ paths: [at("b.txt")], within: folder.path });
  renameSync(at("unplugged"), at("drive"));
  expect(await w.next()).toEqual({ paths: [at("drive")] });
  expect(await w.end()).toMatchObject({ done: true });
});
