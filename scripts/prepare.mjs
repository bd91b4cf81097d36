// npm's `prepare`: compiles the kernels, bundles the console's page and notes which lock file this installation is of, so that scripts/run.mjs knows when to install again.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import "./build-console.mjs";
import "./build-kernels.mjs";

if (existsSync("node_modules") && existsSync("package-lock.json")) {
  writeFileSync(
    "node_modules/.sotto-lock-sha256",
    createHash("sha256").update(readFileSync("package-lock.json")).digest("hex"),
  );
}
