import type { FuzzTarget } from "../target.ts";
import { planted } from "./decoder.ts";

const target = (name: string, run: FuzzTarget["run"]): FuzzTarget => ({
  name,
  form: "bytes",
  faults: [],
  seeds: () => [new Uint8Array(3)],
  run,
  bytesMax: 3,
});

/** Decoders with bugs, for the tests of the fuzzer. */
export function fuzzTargets(): readonly FuzzTarget[] {
  return [
    target("planted", planted),
    target("hangs", (input) => {
      while (input[0] !== 0);
    }),
    target("grows", (input) => {
      const kept: number[][] = [];
      while (input[0] !== 0) kept.push(new Array<number>(100_000).fill(0.5));
    }),
  ];
}
