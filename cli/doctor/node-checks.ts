import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../../crypto/index.ts";
import { checkEncoder } from "../../party-node/asking/index.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { type OpenedNode, openNode } from "../../party-node/node-folder.ts";
import { limits } from "../../protocol/index.ts";
import { openNodeStore } from "../node-store.ts";
import { type Finding, broken, ok } from "./finding.ts";
import { network } from "./network.ts";

/** @param named - Whether a person has said that there is a node. */
export async function nodeChecks(dir: string, named: boolean): Promise<Finding[]> {
  if (!existsSync(join(resolve(dir), "sotto.json"))) {
    const says = `none in ${resolve(dir)}; \`sotto demo\` needs none, \`sotto init NAME\` makes one`;
    return [named ? broken("node", says) : ok("node", says)];
  }
  try {
    const opened = openNode(dir);
    const { identity, federation } = opened;
    const roles = federation.terms.members.find(({ name }) => name === identity.name)?.roles.join(", ") ?? "";
    const { name, revision } = federation.terms;
    return [
      ok("node", `${identity.name} (${roles}) in "${name}", revision ${String(revision)}`),
      secrets(opened, dir),
      clock(opened),
      await encoder(opened),
      store(opened),
      ...(await network(opened)),
    ];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [broken("node", `${error.code}: ${error.message}`)];
  }
}

/** Files that hold keys: nobody but their owner may read them. */
function secrets({ folder }: OpenedNode, dir: string): Finding {
  const files = [folder.keyPath, folder.keyringPath, join(resolve(dir), "federation-root.key")].filter(existsSync);
  const open = files.filter((path) => process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0);
  return open.length === 0
    ? ok("key files", `${String(files.length)}, for their owner alone`)
    : broken("key files", `others than their owner have rights to them. Run: chmod 600 ${open.join(" ")}`);
}

/**
 * No stranger's clock is asked. The founder's entries are signed with their time, and a clock that is behind the newest of them by more than questions may
 * be is wrong, here or at the founder's.
 */
function clock({ federation: { log } }: OpenedNode): Finding {
  const newest = [log.founding, ...log.changes, ...log.claims]
    .map(({ time }) => time)
    .reduce((a, b) => (a > b ? a : b));
  const now = new Date().toISOString();
  const minutes = String(limits.queryClockSkewMsMax / 60_000);
  return Date.parse(newest) - Date.now() > limits.queryClockSkewMsMax
    ? broken(
        "clock",
        `says ${now}, and the federation's newest entry is of ${newest}; set it (NTP): questions that are more than ${minutes} minutes off are refused`,
      )
    : ok("clock", `${now}, after the federation's newest entry; questions may be ${minutes} minutes off`);
}

async function encoder({ federation, encoderSpec }: OpenedNode): Promise<Finding> {
  const opened = await openEncoder(encoderSpec);
  try {
    checkEncoder(opened, federation);
    return ok("encoder", `${opened.spec} on ${opened.device}, the federation's`);
  } finally {
    await opened.close();
  }
}

function store(opened: OpenedNode): Finding {
  if (!existsSync(opened.folder.storePath)) return ok("store", "no store yet; sotto ingest PATH fills it");
  const held = openNodeStore(opened);
  try {
    return ok("store", `${String(held.rowCount)} passages of ${String(held.documentCount)} documents`);
  } finally {
    held.close();
  }
}
