import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { memberName } from "../../protocol/index.ts";
import { codeServingFault } from "./faults.ts";

const counts = z.record(memberName, z.int().min(0));

/**
 * How many entities each member has asked codes of, kept in a file so that a restart gives nothing back.
 *
 * A code says little of its entity; the codes of everybody, read by one member, are the party's whole share of the training set as it was released, and
 * answers to guessed ids say whom the party knows. So every entity asked for counts, known or not, asked before or not.
 */
export class CodeBudget {
  readonly #path: string;
  readonly #max: number;
  readonly #asked: Map<string, number>;

  /** @param max - Entities that one member may ask for, ever. @throws Fault BUDGET_MALFORMED. */
  constructor({ path, max }: { readonly path: string; readonly max: number }) {
    this.#path = path;
    this.#max = max;
    this.#asked = read(path);
  }

  /** Counts before anything is answered. @returns What is left. @throws Fault CODES_SPENT, which counts nothing. */
  spend(member: string, entities: number): number {
    const asked = (this.#asked.get(member) ?? 0) + entities;
    if (asked > this.#max)
      throw codeServingFault(
        "CODES_SPENT",
        `this party answers one member for ${String(this.#max)} entities, of which ${String(Math.max(0, this.#max - asked + entities))} are left; its operator can allow more`,
      );
    const all = new Map(this.#asked).set(member, asked);
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(Object.fromEntries(all))}\n`, { mode: 0o600, flush: true });
    renameSync(`${this.#path}.new`, this.#path);
    this.#asked.set(member, asked);
    return this.#max - asked;
  }
}

function read(path: string): Map<string, number> {
  if (!existsSync(path)) return new Map();
  try {
    return new Map(Object.entries(counts.parse(JSON.parse(readFileSync(path, "utf8")))));
  } catch (cause) {
    throw codeServingFault(
      "BUDGET_MALFORMED",
      `${path}, which counts the codes that members have read, is damaged; restore it, or remove it to count from 0`,
      cause,
    );
  }
}
