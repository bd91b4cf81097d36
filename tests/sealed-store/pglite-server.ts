import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

// PostgreSQL with pgvector in memory, on a port of its own that it writes as its first line: node pglite-server.ts [PORT]
const db = await PGlite.create({ extensions: { vector } });
const server = new PGLiteSocketServer({
  db,
  port: Number(process.argv[2] ?? 0),
  host: "127.0.0.1",
  maxConnections: 32,
});
server.addEventListener("listening", (event) => {
  process.stdout.write(`${(event as CustomEvent<{ port: number }>).detail.port.toString()}\n`);
});
await server.start();
