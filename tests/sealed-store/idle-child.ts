import { once } from "node:events";
import { openPostgresSealedStore } from "../../party-node/sealed-store/index.ts";

// Leaves two connections idle, writes a line, waits for the server to be killed and its input to end, and writes what a question then gives:
//   node idle-child.ts URL
const store = await openPostgresSealedStore({ url: process.argv[2] ?? "", timeoutMs: 3000 });
await Promise.all([store.collections(), store.collections()]);
process.stdout.write("idle\n");
await once(process.stdin.resume(), "end");
await store.collections().catch((error: unknown) => process.stdout.write(`${(error as { code: string }).code}\n`));
await store.close();
