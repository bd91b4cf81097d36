import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { Fault, sodium, hexOf } from "../../crypto/index.ts";
import { type Federation, type Identity, encodeValue, limits, seal } from "../../protocol/index.ts";
import type { Accusation, Claim, EvidenceBody } from "./claims.ts";
import type { EvidenceFaultCode } from "./faults.ts";
import { sealOpening } from "./opening.ts";

const ENDING = ".evidence";

/** What a node has found of others' faults, one file each (mode 0600). What would show a question is sealed to the node's own key. */
export class EvidenceFolder {
  readonly #path: string;

  /** @param path - Made when there is something to keep. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Signs and keeps what was found. The same fault found again is kept once; beyond `evidenceFilesMax` nothing is, or a party could fill the disk by lying.
   *
   * @returns Where it is, or null where it was not kept.
   */
  keep(
    accusation: Accusation,
    { identity, federation }: { readonly identity: Identity; readonly federation: Federation },
  ): string | null {
    const { party, claim } = accusation;
    const digest = hexOf(sodium.crypto_generichash(8, encodeValue(accusation), null));
    const path = join(this.#path, `${party}-${claim.kind}-${digest}${ENDING}`);
    if (existsSync(path)) return path;
    if (this.names().length >= limits.evidenceFilesMax) return null;
    const body: EvidenceBody = { version: 1, party, foundAtMs: Date.now(), claim: sealed(claim, identity) };
    try {
      mkdirSync(this.#path, { recursive: true, mode: 0o700 });
      writeEvidence(path, seal("evidence", federation.id, body, identity));
    } catch (error) {
      // A full or read-only disk costs the evidence, not the answer.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return null;
    }
    return path;
  }

  /** Names of the files, in alphabetical order. */
  names(): string[] {
    try {
      return readdirSync(this.#path)
        .filter((name) => name.endsWith(ENDING))
        .sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /** @param file - A name in this folder, or a path. @throws Fault EVIDENCE_MISSING. */
  read(file: string): Uint8Array {
    const inFolder = join(this.#path, file);
    const path = !isAbsolute(file) && existsSync(inFolder) ? inFolder : file;
    try {
      return new Uint8Array(readFileSync(path));
    } catch (cause) {
      throw new Fault<EvidenceFaultCode>(
        "EVIDENCE_MISSING",
        `${path} cannot be read; \`sotto evidence list\` says what there is`,
        cause,
      );
    }
  }
}

/** Whole or not at all, mode 0600. */
export function writeEvidence(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function sealed(claim: Claim, identity: Identity): Claim {
  if (claim.kind !== "score-too-high" || claim.opening instanceof Uint8Array) return claim;
  return { ...claim, opening: sealOpening(claim.opening, identity) };
}
