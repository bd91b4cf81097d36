import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Keyring } from "../../party-node/keyring/index.ts";
import { entryOf } from "./entries.ts";

/*
 * Opens a keyring, waits for a byte, puts entries into it and prints each name once it is there.
 *   node keyring-child.ts PATH PREFIX COUNT PAUSE_MS [PASSPHRASE]
 */
const [path = "", prefix = "", count = "0", pauseMs = "0", passphrase] = process.argv.slice(2);
using keyring = await Keyring.open(path, passphrase === undefined ? undefined : async () => passphrase);
process.stdout.write("open\n");
await once(process.stdin, "data");
for (let i = 0; i < Number(count); i++) {
  const name = `${prefix}${String(i)}`;
  keyring.put(entryOf(name));
  // Synchronous on a pipe: what the reader sees had been put before a kill.
  process.stdout.write(`${name}\n`);
  if (pauseMs !== "0") await setTimeout(Number(pauseMs));
}
