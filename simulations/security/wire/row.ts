import type { Defence, Mode } from "../attack.ts";

/** What came of one act. */
export interface Outcome {
  /** Whether the attacker got what it wanted. */
  readonly got: boolean;
  /** Who noticed, with the fault's code; or why it does no harm; or `open`. */
  readonly note: string;
}

/** One thing that somebody who does not keep to the protocol may try. */
export interface Act<Stage> {
  readonly name: string;
  readonly who: "a party" | "the coordinator" | "a member" | "a stranger" | "a host";
  readonly mode: Mode;
  /** What it is done for. */
  readonly wants: string;
  readonly expected: Defence;
  /** As in the code that runs: `the querier: ANSWER_MALFORMED`. */
  readonly note: string;
  /** The same act where nothing protects. */
  readonly baselineIs: string;
  readonly run: (stage: Stage) => Promise<Outcome>;
}

/** What the table of rows says of one, without its code. */
export type Row = Omit<Act<never>, "run">;

/** Acts that are tried on the same two stages, one after the other. */
export interface Scene {
  readonly rows: readonly Row[];
  /** @param each - Called with each row's two outcomes, in order. */
  readonly play: (each: (row: Row, outcome: Outcome, baseline: Outcome) => Promise<void>) => Promise<void>;
}

/** @param open - Makes the two stages, which are closed after the last act. */
export function scene<Stage extends AsyncDisposable>(
  acts: readonly Act<Stage>[],
  open: { readonly product: () => Promise<Stage>; readonly plain: () => Promise<Stage> },
): Scene {
  return {
    rows: acts,
    play: async (each) => {
      await using product = await open.product();
      await using plain = await open.plain();
      for (const act of acts) await each(act, await act.run(product), await act.run(plain));
    },
  };
}
