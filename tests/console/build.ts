import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "../support/cli.ts";

/** The page is tested as its sources are now, not as they were when somebody last installed. */
export function buildPage(): void {
  execFileSync(process.execPath, [join(repository, "scripts", "build-console.mjs")], { stdio: "pipe" });
}
