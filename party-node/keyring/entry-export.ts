import { z } from "zod";
import { type KeyringEntry, checkEntry, entryInFile, placeOf } from "./entry.ts";
import { keyringLimits, malformed } from "./keyring-fault.ts";
import { type PassphraseCost, PassphraseKey, passphraseBox } from "./passphrase-box.ts";

const PURPOSE = "keyring entry";
const WHAT = "the exported entry";

/**
 * An entry with all its keys, sealed under a passphrase: a backup, or the way to another machine of the same member.
 *
 * @returns JSON; shows that it is an export of Sotto's, and its size.
 * @throws Fault ENTRY_INVALID, PASSPHRASE_WEAK, PASSPHRASE_COST, PASSPHRASE_MEMORY.
 */
export async function exportEntry(entry: KeyringEntry, passphrase: string, cost?: PassphraseCost): Promise<string> {
  checkEntry(entry);
  using key = await PassphraseKey.create(passphrase, cost);
  const text = JSON.stringify(z.encode(entryInFile, entry as z.output<typeof entryInFile>));
  return `${JSON.stringify(key.seal(PURPOSE, text), null, 2)}\n`;
}

/**
 * Inverse of {@link exportEntry}.
 *
 * @returns An entry whose secrets are the caller's to wipe.
 * @throws Fault KEYRING_MALFORMED, KEYRING_PASSPHRASE, PASSPHRASE_MEMORY.
 */
export async function importEntry(text: string, passphrase: string): Promise<KeyringEntry> {
  if (text.length > keyringLimits.exportBytesMax) throw malformed(WHAT, "it is too large");
  const box = passphraseBox.safeParse(parseJson(text));
  if (!box.success) throw malformed(WHAT, placeOf(box.error));
  using key = await PassphraseKey.derive(passphrase, box.data.derivation);
  const entry = entryInFile.safeParse(parseJson(key.open(PURPOSE, box.data, WHAT)));
  if (!entry.success) throw malformed(WHAT, placeOf(entry.error));
  return entry.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(WHAT, "it is not JSON");
  }
}
