import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { readMemberRecord, writeMemberRecord } from "../member-record.ts";
import type { Right } from "./rights.ts";

/**
 * - QUERY_BUDGET_SPENT: a querier has asked as many questions as this party answers; the message says when it answers more.
 * - QUERY_BUDGET_MALFORMED: the file of what was asked is damaged.
 */
export type QueryBudgetFaultCode = "QUERY_BUDGET_SPENT" | "QUERY_BUDGET_MALFORMED";

export interface QueryBudgetOptions {
  /** The file of what was asked. */
  readonly path: string;
  /** Questions of one querier, 1 or more; "none" for any number. */
  readonly max: number | "none";
  /** Days in which it may ask them, 1 or more. */
  readonly days: number;
  /** What holds for a querier in place of either, now; null where the option does. */
  readonly rightOf?: ((querier: string) => Pick<Right, "questions" | "days">) | undefined;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

interface Allowance {
  readonly max: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;
/** Counts of so many days are kept even where fewer count: the days can be raised again. */
const DAYS_KEPT_MIN = 366;

/** Day since 1970, UTC -> questions asked on it. */
const askedByDay = z.record(z.string().regex(/^\d{1,9}$/), z.int().min(1));
type AskedByDay = z.infer<typeof askedByDay>;

/**
 * How many questions each querier has had answered lately, kept in a file so that a restart gives nothing back.
 *
 * A question gives its querier a score of every row; enough of them determine the rows (`simulations/security/querier`). Questions are counted by the
 * day and no longer count once so many days have passed. The latest day that was ever counted on is today at the earliest: a clock that is
 * set back gives nothing back. Counts go by the member's name, so queriers who put their answers together have that many budgets.
 */
export class QueryBudget {
  readonly #options: QueryBudgetOptions;
  readonly #asked: Map<string, AskedByDay>;
  #latest: number;

  /** @throws Fault QUERY_BUDGET_MALFORMED. */
  constructor(options: QueryBudgetOptions) {
    const { path } = options;
    this.#options = options;
    this.#asked = readMemberRecord(
      path,
      askedByDay,
      (cause) =>
        new Fault<QueryBudgetFaultCode>(
          "QUERY_BUDGET_MALFORMED",
          `${path}, which counts the questions that queriers have asked, is damaged; restore it, or remove it to count from 0`,
          cause,
        ),
    );
    this.#latest = Math.max(0, ...[...this.#asked.values()].flatMap((days) => Object.keys(days).map(Number)));
  }

  /** Counts a question before anything of it is answered, unless its querier may ask any number. @throws Fault QUERY_BUDGET_SPENT, which counts nothing. */
  spend(querier: string): void {
    const allowance = this.#allowanceOf(querier);
    if (!allowance) return;
    const { max, days } = allowance;
    const today = Math.max(this.#latest, Math.floor(this.#options.wallClock() / DAY_MS));
    const recent = this.#since(querier, today - days);
    if (count(recent) >= max) throw spent(querier, recent, allowance);
    const kept = this.#since(querier, today - Math.max(days, DAYS_KEPT_MIN));
    const asked = { ...kept, [today]: (kept[today] ?? 0) + 1 };
    writeMemberRecord(this.#options.path, new Map(this.#asked).set(querier, asked));
    this.#asked.set(querier, asked);
    this.#latest = today;
  }

  /** Null for any number. */
  #allowanceOf(querier: string): Allowance | null {
    const right = this.#options.rightOf?.(querier);
    const max = right?.questions ?? this.#options.max;
    return max === "none" ? null : { max, days: right?.days ?? this.#options.days };
  }

  /** What this querier asked after a day. */
  #since(querier: string, over: number): AskedByDay {
    const days = Object.entries(this.#asked.get(querier) ?? {});
    return Object.fromEntries(days.filter(([day]) => Number(day) > over));
  }
}

function spent(querier: string, recent: AskedByDay, { max, days }: Allowance): Fault {
  const { day, left } = firstGivenBack(recent, max);
  const again = new Date((day + days) * DAY_MS).toISOString().slice(0, 10);
  return new Fault<QueryBudgetFaultCode>(
    "QUERY_BUDGET_SPENT",
    `this party answers ${String(max)} questions of one querier in ${String(days)} days, and has had that many of yours; from ${again} (UTC) it answers ${String(left)} more; its operator can allow more (\`sotto rights set ${querier} --questions 500\`; \`none\` is any number)`,
  );
}

/** The first day without whose questions, and those before, there is something left; it is there, because without any day all is left. */
function firstGivenBack(recent: AskedByDay, max: number): { readonly day: number; readonly left: number } {
  let left = max - count(recent);
  let day = 0;
  // Keys that are whole numbers come in rising order.
  for (const [name, asked] of Object.entries(recent)) {
    if (left > 0) break;
    left += asked;
    day = Number(name);
  }
  return { day, left };
}

function count(days: AskedByDay): number {
  return Object.values(days).reduce((sum, asked) => sum + asked, 0);
}
