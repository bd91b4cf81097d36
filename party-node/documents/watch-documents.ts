import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { existsSync } from "node:fs";
import { watch } from "chokidar";
import { Fault } from "../../crypto/fault.ts";
import type { Root } from "./find-documents.ts";
import { withSeparator } from "./find-documents.ts";

/** A folder cannot be followed: too many folders for this system, mostly. */
export type WatchFaultCode = "WATCH_FAILED";

/** What to look at again. */
export interface WatchedChange {
  readonly paths: readonly string[];
  /** The folder that they are in; not set where whole roots are to be read. */
  readonly within?: string;
}

/** A file is taken once its size has stayed the same for this long. */
const SETTLED_MS = 1000;
/** What settles within this time of the first change is one change. */
const GATHER_MS = 200;

/**
 * Follows files and folders: first all of them, then what is new, changed or gone, as it settles. Changes that happen while one is being dealt with are
 * the next one. A root that vanishes as a whole, as a drive does that is unplugged, changes nothing until it is back, and is then read anew.
 *
 * @param signal - Ends the sequence.
 * @throws Fault WATCH_FAILED.
 */
export async function* watchDocuments(roots: readonly Root[], signal: AbortSignal): AsyncGenerator<WatchedChange> {
  const changed = new Map<Root, Set<string>>(roots.map((root) => [root, new Set()]));
  let wake = sleeper();
  await using watcher = disposing(
    watch(
      roots.map(({ path }) => path),
      {
        ignoreInitial: true,
        followSymlinks: false,
        ignorePermissionErrors: true,
        ignored: (path) => roots.some((root) => isHidden(root.path, path)),
        awaitWriteFinish: { stabilityThreshold: SETTLED_MS, pollInterval: 100 },
      },
    ),
  );
  watcher.value.on("all", (_, path) => {
    const root = roots.find((one) => isIn(one.path, path));
    if (root) changed.get(root)?.add(path);
    wake.resolve(undefined);
  });
  watcher.value.on("error", (error) => {
    wake.reject(notFollowed(error));
  });
  signal.addEventListener("abort", () => {
    wake.resolve(undefined);
  });
  const ready = sleeper();
  watcher.value.once("ready", () => {
    ready.resolve(undefined);
  });
  await Promise.race([ready.promise, wake.promise]);
  yield { paths: roots.map(({ path }) => path) };
  const goesOn = (): boolean => !signal.aborted;
  while (goesOn()) {
    await wake.promise;
    wake = sleeper();
    await setTimeout(GATHER_MS, undefined, { signal }).catch(() => undefined);
    for (const [root, paths] of changed) {
      if (!goesOn() || paths.size === 0 || !existsSync(root.path)) continue;
      const isWhole = root.isFolder && paths.has(root.path);
      const taken = isWhole ? [root.path] : [...paths];
      paths.clear();
      yield isWhole ? { paths: taken } : { paths: taken, within: root.isFolder ? root.path : dirname(root.path) };
    }
  }
}

/** Its rejection is seen when somebody waits for it, and is nobody's until then. */
function sleeper(): PromiseWithResolvers<undefined> {
  const sleep = Promise.withResolvers<undefined>();
  sleep.promise.catch(() => undefined);
  return sleep;
}

function isIn(root: string, path: string): boolean {
  return path === root || path.startsWith(withSeparator(root));
}

/** Whether a path below a root has a part that begins with a dot, as a walk leaves out. */
function isHidden(root: string, path: string): boolean {
  return path.startsWith(withSeparator(root)) && /(^|[\\/])\./.test(path.slice(root.length + 1));
}

function notFollowed(cause: unknown): Fault {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  return new Fault<WatchFaultCode>(
    "WATCH_FAILED",
    `the folder cannot be followed (${code}). With ENOSPC, raise fs.inotify.max_user_watches; or leave --watch out and run the command again when something has changed.`,
    cause,
  );
}

function disposing(watcher: ReturnType<typeof watch>): { readonly value: typeof watcher } & AsyncDisposable {
  return { value: watcher, [Symbol.asyncDispose]: () => watcher.close() };
}
