import { openPostgresSealedStore, openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
import { SETTINGS, rowRange } from "./rows.ts";

// Puts batches of 20 rows, a line of output a batch, or erases the collection over and over, until its parent kills it:
//   node store-child.ts OPTIONS put|erase [FIRST ROW]
// OPTIONS is the JSON of {kind, ...options of the store}.
const [, , json = "{}", what = "", firstRow = "0"] = process.argv;
const { kind, ...options } = JSON.parse(json) as { kind: "sqlite" | "postgres" } & Record<string, never>;
const store =
  kind === "sqlite" ? openSqliteSealedStore(options as never) : await openPostgresSealedStore(options as never);
for (let batch = 0; ; batch++) {
  if (what === "erase") {
    process.stdout.write(`erase\n`);
    await store.erase(SETTINGS.id);
    process.stdout.write(`erased\n`);
    await store.createCollection(SETTINGS);
    await store.put(SETTINGS.id, rowRange(0, 300));
  } else {
    await store.put(SETTINGS.id, rowRange(Number(firstRow) + 20 * batch, 20));
    process.stdout.write(`put ${batch.toString()}\n`);
  }
}
