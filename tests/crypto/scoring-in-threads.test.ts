import { openScoringIndex } from "../../party-node/scoring/index.ts";
import { HINT_KEY, encrypted } from "./encrypted-scheme.ts";
import { scoringContract } from "./scoring-contract.ts";

scoringContract(
  "encrypted scoring in threads of its own",
  {
    ...encrypted,
    makeIndex: (layout) => openScoringIndex({ layout, hintKey: HINT_KEY, threads: 2, cachePath: null }),
  },
  // The arithmetic is that of one thread, which has them all.
  { layouts: 2 },
);
