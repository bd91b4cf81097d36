import { ClearAsker, ClearScorer, type RingLayout, scoreStandardDeviation } from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import { openScoringIndex } from "../../party-node/scoring/index.ts";
import { type Scheme, scoringContract } from "./scoring-contract.ts";
import { localIndex } from "./support.ts";

const HINT_KEY = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);

// Six standard deviations: with the 6,000 scores compared here, a sound scheme fails once in 80,000 runs.
const encrypted: Omit<Scheme, "makeIndex"> = {
  makeAsker: (layout, poolSize) => new RlweAsker(layout, { poolSize }),
  errorMax: (layout: RingLayout) => 6 * scoreStandardDeviation(layout),
  scoreBytes: (layout) => layout.scoreBytesPerBlock,
  // 31 ones are above q.
  spoilQuery: (query) => query.fill(0xff, -4),
  spoiltHints: (hint) => [
    { id: "empty", hint: new Uint8Array(0) },
    { id: "one byte short", hint: hint.slice(1) },
    { id: "one byte long", hint: Buffer.concat([hint, Buffer.alloc(1)]) },
    { id: "a residue above q", hint: hint.slice().fill(0xff, 0, 4) },
  ],
};

scoringContract("encrypted scoring in one thread", {
  ...encrypted,
  makeIndex: (layout) => localIndex(layout, HINT_KEY),
});

scoringContract("encrypted scoring in threads of its own", {
  ...encrypted,
  makeIndex: (layout) => openScoringIndex({ layout, hintKey: HINT_KEY, threads: 2, cachePath: null }),
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
