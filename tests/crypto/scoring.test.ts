import { ClearAsker, ClearScorer } from "../../crypto/index.ts";
import { HINT_KEY, encrypted } from "./encrypted-scheme.ts";
import { scoringContract } from "./scoring-contract.ts";
import { localIndex } from "./support.ts";

scoringContract("encrypted scoring in one thread", {
  ...encrypted,
  makeIndex: (layout) => localIndex(layout, HINT_KEY),
});

scoringContract("scoring in clear", {
  makeIndex: (layout) => new ClearScorer(layout),
  makeAsker: (layout) => new ClearAsker(layout),
  errorMax: (layout) => 1e-5 * layout.normMax,
  scoreBytes: (layout) => layout.rowsPerBlock * 4,
  // The last entry becomes NaN.
  spoilQuery: (query) => query.fill(0xff, -4),
  spoiltHints: () => [],
});
