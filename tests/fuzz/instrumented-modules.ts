import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Coverage } from "./coverage.ts";
import { instrument } from "./instrument.ts";

const BLOCKS_MAX = 1 << 16;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Folders of the repository whose blocks count. */
const OWN = ["coordinator", "crypto", "party-node", "protocol", "simulations"].map((folder) => ROOT + folder + sep);
/** What guides the fuzzer without being counted: the CBOR decoder is half of ours. */
const GUIDING = [`${ROOT}node_modules${sep}cborg${sep}`];
/** Machine-made, or too hot to be worth it. */
const LEFT_OUT = /\.generated\.ts$/;

/**
 * Has every module that is loaded from now on count the blocks that run. In-process and exact for a single input: V8's own block coverage is read for
 * the whole process at once, and @jazzer.js/core brings a native addon with its compiler driver and instruments before Node strips the types.
 *
 * @param more - Further files or folders to count, absolute paths.
 */
export function instrumentModules(more: readonly string[] = []): Coverage {
  const blocks = new Uint8Array(BLOCKS_MAX);
  const isOwn = new Uint8Array(BLOCKS_MAX);
  let [count, fresh, own] = [0, 0, 0];
  const first = (block: number): void => {
    blocks[block] = 1;
    fresh++;
    own += isOwn[block]!;
  };
  Object.assign(globalThis, { __sottoFuzz: { blocks, first } });
  const owned = [...OWN, ...more];
  registerHooks({
    load: (url, context, next) => {
      const path = url.startsWith("file:") ? fileURLToPath(url) : "";
      const counts = owned.some((folder) => path.startsWith(folder));
      if (!/\.[mc]?[jt]s$/.test(path) || LEFT_OUT.test(path)) return next(url, context);
      if (!counts && !GUIDING.some((folder) => path.startsWith(folder))) return next(url, context);
      const source = instrument(readFileSync(path, "utf8"), path, () => {
        if (count >= BLOCKS_MAX) throw new RangeError("more blocks than the fuzzer has room for");
        isOwn[count] = counts ? 1 : 0;
        return count++;
      });
      return {
        format: "module",
        shortCircuit: true,
        source: path.endsWith("ts") ? stripTypeScriptTypes(source) : source,
      };
    },
  });
  return {
    reset: () => {
      blocks.fill(0);
      [fresh, own] = [0, 0];
    },
    fresh: () => {
      const since = fresh;
      fresh = 0;
      return since;
    },
    own: () => own,
  };
}
