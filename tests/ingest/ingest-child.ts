import { ingest } from "../../party-node/ingest.ts";
import { openSqliteStore } from "../../party-node/store/index.ts";
import { bigramEncoder } from "../support/bigram-encoder.ts";

// Ingests slowly, a line of output a batch, until its parent kills it: node ingest-child.ts STORE CORPUS
const [, , path = "", corpus = ""] = process.argv;
const store = openSqliteStore({ path, storeKey: new Uint8Array(32), rowsPerBlock: 16 });
const { encoder } = bigramEncoder({ delayMs: 20 });
await ingest({
  paths: [corpus],
  store,
  encoder,
  batchSize: 10,
  onProgress: ({ phase, done }) => process.stdout.write(`${phase} ${done.toString()}\n`),
});
