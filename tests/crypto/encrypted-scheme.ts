import { type RingLayout, scoreStandardDeviation } from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import type { Scheme } from "./scoring-contract.ts";

export const HINT_KEY = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);

// Six standard deviations: with the 6,000 scores compared here, a sound scheme fails once in 80,000 runs.
export const encrypted: Omit<Scheme, "makeIndex"> = {
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
