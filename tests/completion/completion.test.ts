import { expect, test } from "@jest/globals";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectUsageError, repository, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Terminal, installed } from "./terminal.ts";

/** Ctrl-U. */
const CLEAR_LINE = "\u0015";
const main = join(repository, "cli", "main.ts");
const suggestions = async (...words: string[]): Promise<string[]> =>
  (await sottoOutput(["complete", "--", ...words])).trimEnd().split("\n");
const named = (lines: readonly string[]): string[] => lines.map((line) => line.split("\t")[0] ?? "");
/** A shell's start-up file: `sotto` is the sources, on the Node that runs the tests. */
const startUp = (completion: string, rest = ""): string =>
  `${rest}sotto() { '${process.execPath}' '${main}' "$@"; }\n${completion}\nPS1='ready> '\n`;

test("commands, subcommands, options and their values", async () => {
  const [commands, subcommands, options, modes, encoders, roles, shells] = await Promise.all([
    suggestions(""),
    suggestions("federation", ""),
    suggestions("ingest", "--d"),
    suggestions("collection", "create", "notes", "--mode", ""),
    suggestions("federation", "create", "North", "--encoder", ""),
    suggestions("federation", "add", "clinic", "--role", ""),
    suggestions("completion", ""),
  ]);
  const help = await sottoOutput(["--help"]);
  const all = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? "");
  expect(all.length).toBeGreaterThan(15);
  expect(named(commands).slice(0, -1).sort()).toEqual(all.sort());
  expect(named(subcommands)).toEqual(expect.arrayContaining(["create", "invite", "join", "rotate-key"]));
  expect(options).toEqual(["--dir\tthe node's folder", ":4"]);
  expect(named(modes)).toEqual(["outsourced", "double", ":4"]);
  expect(named(encoders)).toEqual(["lexical", "lexical:2048", ":4"]);
  expect(named(roles)).toEqual(["party", "querier", "coordinator", "party,querier", ":4"]);
  expect(named(shells).sort()).toEqual([":4", "bash", "fish", "powershell", "zsh"]);
}, 60_000);

test("folders and files are left to the shell, other values are not", async () => {
  const directive = async (...words: string[]) => (await suggestions(...words)).at(-1);
  expect(
    await Promise.all([
      directive("ingest", "--dir", ""),
      directive("ingest", ""),
      directive("node", "--entities", "pat"),
      directive("coordinator", "--tls-cert", ""),
      directive("query", ""),
      directive("coordinator", "--port", ""),
    ]),
  ).toEqual([":0", ":0", ":0", ":0", ":4", ":4"]);
}, 60_000);

test("models that were pulled are encoders", async () => {
  using folder = temporaryFolder();
  for (const name of ["minilm", "half"]) mkdirSync(join(folder.path, "models", name), { recursive: true });
  writeFileSync(join(folder.path, "models", "minilm", "model.onnx"), "");
  const words = ["complete", "--", "trial", "--encoder", "onnx"];
  expect(await sottoOutput(words, { cwd: folder.path })).toBe("onnx:models/minilm\t\n:4\n");
});

test("no command is loaded to complete the name of one", () => {
  const spy = `import { registerHooks } from "node:module";
    registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(spy)}`, main, "complete", "--", "in"],
    { env: { ...process.env, NODE_OPTIONS: "" }, encoding: "utf8" },
  );
  expect(stdout).toBe("init\t\ningest\t\n:4\n");
  expect(stderr).toContain("cli/complete.ts");
  expect([...stderr.matchAll(/cli\/([a-z-]+)\.ts/g)].map(([, name]) => name)).toEqual([
    "main",
    "complete",
    "printed-by",
  ]);
});

test("a shell that is not known is refused", () => expectUsageError(["completion", "csh"], /csh.*bash, zsh/s));

const here = (shell: string) => (installed(shell, "script") ? test : test.skip);

here("bash")(
  "bash completes at Tab",
  async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "rc"), startUp("source <(sotto completion bash)"));
    writeFileSync(join(folder.path, "report-of-may.txt"), "");
    await using terminal = new Terminal("bash --noprofile --rcfile ./rc -i", { cwd: folder.path, env: {} });
    await terminal.shows("ready> ");
    for (const [typed, completed] of [
      ["sotto inge", "sotto ingest "],
      ["sotto ingest --di", "sotto ingest --dir "],
      ["sotto collection create n --mode ou", "--mode outsourced "],
      ["sotto ingest rep", "sotto ingest report-of-may.txt "],
    ] as const) {
      terminal.type(`${typed}\t`);
      await terminal.shows(completed);
      terminal.type(CLEAR_LINE);
    }
  },
  60_000,
);

(installed("bash") ? test : test.skip)(
  "bash reads the script a second time without a word",
  () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "rc"), startUp("source <(sotto completion bash)\nsource <(sotto completion bash)"));
    const { status, stderr } = spawnSync("bash", ["--noprofile", "--norc", "-c", "source ./rc && complete -p sotto"], {
      cwd: folder.path,
      env: { ...process.env, NODE_OPTIONS: "" },
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  },
  60_000,
);

here("zsh")(
  "zsh completes at Tab",
  async () => {
    using folder = temporaryFolder();
    const rc = startUp("source <(sotto completion zsh)", "autoload -U compinit && compinit -D -u\n");
    writeFileSync(join(folder.path, ".zshrc"), rc);
    writeFileSync(join(folder.path, "report-of-may.txt"), "");
    await using terminal = new Terminal("zsh -i", { cwd: folder.path, env: { ZDOTDIR: folder.path } });
    await terminal.shows("ready> ");
    for (const [typed, completed] of [
      ["sotto inge", "st "],
      ["sotto ingest --di", "r "],
      ["sotto ingest rep", "ort-of-may.txt"],
    ] as const) {
      terminal.type(typed);
      await terminal.shows(typed);
      terminal.type("\t");
      await terminal.shows(completed);
      terminal.type(CLEAR_LINE);
    }
  },
  60_000,
);

(installed("fish") ? test : test.skip)(
  "fish completes",
  () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "report-of-may.txt"), "");
    const program = `function sotto; '${process.execPath}' '${main}' $argv; end
sotto completion fish | source
for typed in "sotto inge" "sotto ingest --di" "sotto ingest rep"; complete -C $typed; end`;
    const printed = execFileSync("fish", ["--no-config", "-c", program], {
      cwd: folder.path,
      env: { ...process.env, NODE_OPTIONS: "", HOME: folder.path },
      encoding: "utf8",
    });
    expect(
      named(
        printed
          .trim()
          .split("\n")
          .filter((line) => line !== ""),
      ),
    ).toEqual(["ingest", "--dir", "report-of-may.txt"]);
  },
  60_000,
);
