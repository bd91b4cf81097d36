// Runs a program of this repository on the pinned Node, installing what is missing first. Starts on any Node since 18.
//   node scripts/run.mjs [node options] FILE [arguments]
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pinnedNode = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");

function isInstalled() {
  const note = join(root, "node_modules", ".sotto-lock-sha256");
  if (!existsSync(note) || !existsSync(pinnedNode)) return false;
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const kernels = [join("rlwe", "kernels", "ring"), join("codes", "kernels", "hamming")];
  return (
    readFileSync(note, "utf8") === lock &&
    kernels.every((kernel) => existsSync(join(root, "crypto", `${kernel}.generated.ts`))) &&
    existsSync(join(root, "dist", "console", "app.js"))
  );
}

function install() {
  process.stderr.write("Installing dependencies (npm ci); this happens once and takes about a minute.\n");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    process.stderr.write(
      "npm ci failed; its messages are above. Check the network, then run the same command again.\n",
    );
    process.exit(1);
  }
}

if (!isInstalled()) install();

// npm changes to the repository's folder; a person's relative paths are meant from where they typed them.
const [program = "", ...rest] = process.argv.slice(2);
const isCommandLine = program.startsWith("cli/");
const child = spawn(pinnedNode, isCommandLine ? [join(root, program), ...rest] : [program, ...rest], {
  stdio: "inherit",
  // Sources are stripped of their types once, not at every start; the processes that ours start inherit it.
  env: { NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "compiled"), ...process.env },
  cwd: isCommandLine ? (process.env.INIT_CWD ?? process.cwd()) : root,
});
// A terminal sends Ctrl-C to the child as well; a plain kill reaches only us.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`cannot start Node: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal) process.kill(process.pid, signal === "SIGINT" ? "SIGTERM" : signal);
  else process.exit(code ?? 1);
});
