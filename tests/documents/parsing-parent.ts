import { DocumentParser } from "../../party-node/documents/index.ts";

// Parses what takes very long, and says that it has begun, until it is killed: node parsing-parent.ts
const parser = new DocumentParser();
await parser.parse("csv", Buffer.from("a\n1"));
const parsing = parser.parse("html", Buffer.from("<div>".repeat(1e6)));
process.stdout.write("parsing\n");
await parsing;
