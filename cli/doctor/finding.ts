/** What a check has found. `advice`: everything works, and something should be seen to. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "advice" | "broken";
  /** What is there, or what is wrong and what to do. */
  readonly says: string;
}

export const ok = (check: string, says: string): Finding => ({ check, state: "ok", says });
export const advice = (check: string, says: string): Finding => ({ check, state: "advice", says });
export const broken = (check: string, says: string): Finding => ({ check, state: "broken", says });

/** An error's first line, for what other people's code has thrown. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
