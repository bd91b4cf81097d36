import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Died, runningHost } from "./virtual-time.ts";

/**
 * Lets hosts die while they write a file, as {@link Host.stepsToDeath} says: half of it is there then, or it is there and not in its place. SQLite writes by itself; that a
 * transaction is there wholly or not at all is what its own tests are for.
 */
export function installDisk(): void {
  const real = { writeFileSync: fs.writeFileSync, renameSync: fs.renameSync };
  const writeFileSync: typeof fs.writeFileSync = (path, data, options) => {
    if (mayGoOn()) real.writeFileSync(path, data, options);
    else {
      if (typeof data === "string") real.writeFileSync(path, data.slice(0, data.length / 2), options);
      throw new Died();
    }
  };
  const renameSync: typeof fs.renameSync = (from, to) => {
    if (!mayGoOn()) throw new Died();
    real.renameSync(from, to);
  };
  Object.assign(fs, { writeFileSync, renameSync });
  syncBuiltinESMExports();
}

/** Counts one step of the host that writes. */
function mayGoOn(): boolean {
  const host = runningHost();
  if (!host) return true;
  if (host.alive && host.stepsToDeath !== null && host.stepsToDeath-- <= 0) host.die();
  return host.alive;
}
