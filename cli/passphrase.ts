import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { Fault } from "../crypto/index.ts";
import { Keyring } from "../party-node/keyring/index.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";

/** A stream from which a person types; node's standard input when it is a terminal. */
type Terminal = NodeJS.ReadableStream & { readonly isTTY?: boolean };

export interface PassphraseQuestion {
  /** Shown on standard error before the cursor. */
  readonly prompt: string;
  /** The environment variable that answers instead of a person. */
  readonly variable: "SOTTO_PASSPHRASE" | "SOTTO_NEW_PASSPHRASE" | "SOTTO_EXPORT_PASSPHRASE";
  /** For a new passphrase: a person types it twice. */
  readonly twice?: boolean;
}

/** Where a passphrase comes from; tests put streams of their own here. */
export interface PassphraseSource {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: Terminal;
  readonly prompts: NodeJS.WritableStream;
}

const ofProcess = (): PassphraseSource => ({
  environment: process.env,
  input: process.stdin,
  prompts: process.stderr,
});

/**
 * A passphrase from the environment, else from a person at the terminal, to whom it is not shown.
 *
 * @throws Fault PASSPHRASE_MISSING (neither is there), PASSPHRASE_DIFFERS (typed twice, not the same), ABORTED (Ctrl-C, Ctrl-D).
 */
export async function readPassphrase(question: PassphraseQuestion, source = ofProcess()): Promise<string> {
  const { prompt, variable, twice = false } = question;
  const given = source.environment[variable];
  if (given !== undefined && given !== "") return given;
  if (source.input.isTTY !== true)
    throw new Fault(
      "PASSPHRASE_MISSING",
      `a passphrase is needed and there is no terminal to ask for it; put it into the environment variable ${variable}`,
    );
  const passphrase = await askHidden(`${prompt}: `, source);
  if (twice && (await askHidden("The same again: ", source)) !== passphrase)
    throw new Fault("PASSPHRASE_DIFFERS", "the two passphrases are not the same; nothing was changed, run it again");
  return passphrase;
}

async function askHidden(prompt: string, { input, prompts }: PassphraseSource): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: true, historySize: 0 });
  const aborted = new AbortController();
  lines.once("SIGINT", () => aborted.abort()).once("close", () => aborted.abort());
  prompts.write(prompt);
  try {
    return await lines.question("", { signal: aborted.signal });
  } catch (cause) {
    throw new Fault("ABORTED", "no passphrase was typed; nothing was changed", cause);
  } finally {
    lines.close();
    prompts.write("\n");
  }
}

/**
 * The keyring in a node's folder, its passphrase asked for if it has one.
 *
 * @param folderPath - As `--dir` gives it.
 * @returns The caller disposes of it.
 * @throws Fault CONFIG_MISSING, CONFIG_MALFORMED, those of {@link readPassphrase} and of Keyring.open.
 */
export async function openNodeKeyring(
  folderPath: string,
  passphrase = keyringPassphrase(folderPath),
): Promise<Keyring> {
  return Keyring.open(openNodeFolder(folderPath).keyringPath, passphrase);
}

/** Asks for the passphrase of the keyring in a node's folder. The promise is rejected as in {@link readPassphrase}. */
export function keyringPassphrase(folderPath: string): () => Promise<string> {
  return () => {
    const { keyringPath } = openNodeFolder(folderPath);
    return readPassphrase({ prompt: `Passphrase of ${keyringPath}`, variable: "SOTTO_PASSPHRASE" });
  };
}
