import { z } from "zod";
import { readMemberRecord, writeMemberRecord } from "../member-record.ts";
import { codeServingFault } from "./faults.ts";

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
    this.#asked = readMemberRecord(path, z.int().min(0), (cause) =>
      codeServingFault(
        "BUDGET_MALFORMED",
        `${path}, which counts the codes that members have read, is damaged; restore it, or remove it to count from 0`,
        cause,
      ),
    );
  }

  /** Counts before anything is answered. @returns What is left. @throws Fault CODES_SPENT, which counts nothing. */
  spend(member: string, entities: number): number {
    const asked = (this.#asked.get(member) ?? 0) + entities;
    if (asked > this.#max)
      throw codeServingFault(
        "CODES_SPENT",
        `this party answers one member for ${String(this.#max)} entities, of which ${String(Math.max(0, this.#max - asked + entities))} are left; its operator can allow more`,
      );
    writeMemberRecord(this.#path, new Map(this.#asked).set(member, asked));
    this.#asked.set(member, asked);
    return this.#max - asked;
  }
}
