import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { availableParallelism, freemem, tmpdir, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { type Finding, advice, broken, ok } from "./finding.ts";

const GIB = 2 ** 30;
/** Below it a node's next ingest or audit entry may fail. */
const DISK_BYTES_MIN = 2 ** 26;
const gib = (bytes: number): string => (bytes / GIB).toFixed(1);

/** @param dir - A folder on the disk that the node uses, or will. */
export function machine(dir: string): Finding[] {
  return [
    ok("Node", process.version),
    ok("processor", `${String(availableParallelism())} cores, ${process.arch}`),
    memory(),
    disk(dir),
    temporaryFolder(),
  ];
}

function memory(): Finding {
  const says = `${gib(freemem())} of ${gib(totalmem())} GiB free`;
  return freemem() > GIB / 2 ? ok("memory", says) : broken("memory", `${says}; at least half a GiB should be`);
}

function disk(dir: string): Finding {
  const { bavail, bsize } = statfsSync(nearestFolder(resolve(dir)));
  const free = bavail * bsize;
  const says = `${gib(free)} GiB free at ${resolve(dir)}`;
  if (free < DISK_BYTES_MIN)
    return broken("disk", `${says}; a node ends when its audit log cannot be written: make room`);
  return free < GIB ? advice("disk", `${says}; little for a store that grows`) : ok("disk", says);
}

const nearestFolder = (path: string): string => (existsSync(path) ? path : nearestFolder(dirname(path)));

function temporaryFolder(): Finding {
  try {
    accessSync(tmpdir(), constants.W_OK);
    return ok("temporary", `${tmpdir()} can be written`);
  } catch {
    return broken("temporary", `${tmpdir()} cannot be written; set TMPDIR to a folder that can`);
  }
}
