import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { findingDamage } from "./store-fault.ts";

/** Runs SQL on one connection, each text prepared once. Every method throws Fault STORE_DAMAGED. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return findingDamage(() => this.#statement(sql).all(...values)) as Row[];
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what its SQL gives
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return findingDamage(() => this.#statement(sql).get(...values)) as Row | undefined;
  }

  /** @returns The id of the row inserted last. */
  run(sql: string, ...values: SQLInputValue[]): number | bigint {
    return findingDamage(() => this.#statement(sql).run(...values)).lastInsertRowid;
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (!statement) this.#prepared.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}
