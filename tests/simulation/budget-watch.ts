const DAY_MS = 86_400_000;

export interface BudgetTerms {
  readonly max: number;
  readonly days: number;
}

/**
 * Counts what parties answer, beside them and without their files: no party may answer a querier more than `max` questions in `days` days of its own clock, whatever
 * crashes; a clock that is set back gives nothing back.
 */
export class BudgetWatch {
  readonly #terms: BudgetTerms;
  readonly #latestDay = new Map<string, number>();
  /** "party/querier" -> the day of every answer. */
  readonly #answered = new Map<string, number[]>();

  constructor(terms: BudgetTerms) {
    this.#terms = terms;
  }

  /** @param wallClock - The party's, in milliseconds since 1970. @returns What is wrong, or null. */
  answered(party: string, querier: string, wallClock: number): string | null {
    const { max, days } = this.#terms;
    const day = Math.max(this.#latestDay.get(party) ?? 0, Math.floor(wallClock / DAY_MS));
    this.#latestDay.set(party, day);
    const name = `${party}/${querier}`;
    const all = [...(this.#answered.get(name) ?? []), day];
    this.#answered.set(name, all);
    const recent = all.filter((one) => one > day - days).length;
    return recent > max ? `${party} has answered ${querier} ${recent} questions in ${days} days, and may ${max}` : null;
  }
}
