import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "@jest/globals";
import ts from "typescript";

const ROOT = join(import.meta.dirname, "..");
const LEFT_OUT = new Set(["node_modules", "dist", "coverage", ".git"]);
const LINES_MAX = 400;

/** What the crypto folder may import that is not ours: no socket, file or clock. */
const CRYPTO_PACKAGES = ["libsodium-wrappers", "libsodium-wrappers-sumo", "node-seal", "node:timers/promises"];
/** Time and randomness from outside: none in crypto. */
const AMBIENT = [
  "Date.now",
  "Math.random",
  "performance.now",
  "crypto.getRandomValues",
  "crypto.randomUUID",
  "process.hrtime",
  "globalThis.crypto",
];

interface Source {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly lineCount: number;
  /** Files of ours by path, packages by name; types too. */
  readonly imports: readonly string[];
  /** Line numbers of what the tests below look for. */
  readonly found: {
    readonly any: readonly number[];
    readonly only: readonly number[];
    readonly ambient: readonly number[];
  };
}

function parse(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const imports: string[] = [];
  const found = { any: [] as number[], only: [] as number[], ambient: [] as number[] };
  const visit = (node: ts.Node): void => {
    const mark = (lines: number[]): void =>
      void lines.push(file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1);
    if (node.kind === ts.SyntaxKind.AnyKeyword) mark(found.any);
    if (ts.isCallExpression(node) && /\.only(\.each)?$/.test(node.expression.getText(file))) mark(found.only);
    if (ts.isPropertyAccessExpression(node) && AMBIENT.includes(node.getText(file))) mark(found.ambient);
    if (ts.isNewExpression(node) && node.expression.getText(file) === "Date" && !node.arguments?.length)
      mark(found.ambient);
    const target = importTarget(node);
    if (target !== null) imports.push(target.startsWith(".") ? join(path, "..", target) : target);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { path, lineCount: text.split("\n").length - 1, imports, found };
}

/** What an import, a re-export or an import() with a fixed name names; null for any other node. */
function importTarget(node: ts.Node): string | null {
  const named =
    ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : isDynamicImport(node)
        ? node.arguments[0]
        : undefined;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal))
    return node.argument.literal.text;
  return named && ts.isStringLiteralLike(named) ? named.text : null;
}

function isDynamicImport(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

const sources: readonly Source[] = readdirSync(ROOT, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(ts|tsx|mts|mjs|js)$/.test(entry.name))
  .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
  .filter((path) => !path.split("/").some((part) => LEFT_OUT.has(part)))
  .map((path) => parse(path, readFileSync(join(ROOT, path), "utf8")));

const within =
  (folder: string) =>
  ({ path }: Source): boolean =>
    path.startsWith(`${folder}/`);
/** "path:line" of every place found. */
const places = (kind: keyof Source["found"], files: readonly Source[] = sources): string[] =>
  files.flatMap(({ path, found }) => found[kind].map((line) => `${path}:${line.toString()}`));
/** "path imports target" for every import by these files of what is not allowed. */
const imports = (files: readonly Source[], isForbidden: (target: string) => boolean): string[] =>
  files.flatMap((file) => file.imports.filter(isForbidden).map((target) => `${file.path} imports ${target}`));

const OURS = [
  ...new Set(
    sources
      .map(({ path }) => path)
      .filter((path) => path.includes("/"))
      .map((path) => path.slice(0, path.indexOf("/"))),
  ),
];
const isOurs = (target: string): boolean =>
  OURS.some((folder) => target.startsWith(`${folder}/`)) ||
  target.startsWith("..") ||
  /^\w+\.(ts|tsx|mjs|js)$/.test(target);

test("the tree is there", () => {
  for (const folder of ["crypto", "protocol", "party-node", "coordinator", "tests"]) expect(OURS).toContain(folder);
  expect(sources.filter(within("crypto")).length).toBeGreaterThan(10);
});

describe("source files", () => {
  test("hold no `any`", () => expect(places("any")).toEqual([]));
  test("hold no test that leaves the others out", () => expect(places("only")).toEqual([]));

  test(`have at most ${LINES_MAX.toString()} lines, outside the tests`, () => {
    expect(
      sources
        .filter((file) => !within("tests")(file) && file.lineCount > LINES_MAX)
        .map(({ path, lineCount }) => `${path}: ${lineCount.toString()}`),
    ).toEqual([]);
  });

  test("import no file that is not there", () => {
    const known = new Set(sources.map(({ path }) => path));
    expect(
      imports(
        sources,
        (target) =>
          isOurs(target) && !known.has(target) && !known.has(`${target}.ts`) && !/\.(json|wasm)$/.test(target),
      ),
    ).toEqual([]);
  });

  test("import in no circle", () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const done = new Set<string>();
    const circles: string[] = [];
    const follow = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      if (done.has(path) || trail.includes(path)) return;
      for (const target of byPath.get(path)?.imports ?? []) follow(target, [...trail, path]);
      done.add(path);
    };
    for (const { path } of sources) follow(path, []);
    expect(circles).toEqual([]);
  });
});

describe("folders keep to their layer", () => {
  const files = (folder: string): Source[] => sources.filter(within(folder));
  const under =
    (...folders: string[]) =>
    (target: string): boolean =>
      folders.some((folder) => target.startsWith(`${folder}/`));

  test("crypto has no clock and no randomness of its own", () =>
    expect(places("ambient", files("crypto"))).toEqual([]));

  test("crypto imports nothing else of ours, and no socket or file", () => {
    expect(imports(files("crypto"), (target) => !under("crypto")(target) && !CRYPTO_PACKAGES.includes(target))).toEqual(
      [],
    );
  });

  test("crypto/secret is imported by nothing else in crypto", () => {
    expect(
      imports(
        files("crypto").filter((file) => !within("crypto/secret")(file)),
        under("crypto/secret"),
      ),
    ).toEqual([]);
  });

  test("protocol imports of ours only itself, faults, hexadecimal and libsodium", () => {
    expect(
      imports(
        files("protocol"),
        (target) =>
          isOurs(target) &&
          !under("protocol")(target) &&
          !["crypto/fault.ts", "crypto/hex.ts", "crypto/sodium.ts"].includes(target),
      ),
    ).toEqual([]);
  });

  test("operation imports of ours only itself, crypto and protocol, for parties and coordinators both use it", () => {
    expect(
      imports(files("operation"), (target) => isOurs(target) && !under("operation", "crypto", "protocol")(target)),
    ).toEqual([]);
    expect(imports(files("operation"), under("crypto/secret"))).toEqual([]);
  });

  test("the coordinator touches neither secret keys nor a party's code", () => {
    expect(imports(files("coordinator"), under("crypto/secret", "party-node"))).toEqual([]);
  });

  test("nor does anything that the coordinator imports", () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const reached = new Set<string>();
    const reach = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      byPath.get(path)?.imports.forEach(reach);
    };
    files("coordinator").forEach(({ path }) => reach(path));
    expect([...reached].filter((path) => under("crypto/secret", "party-node")(path) || path === "node-seal")).toEqual(
      [],
    );
  });

  test("a party does not import the coordinator", () =>
    expect(imports(files("party-node"), under("coordinator"))).toEqual([]));

  test("integrations are imported by the command line alone", () => {
    const above = ["integrations", "console", "cli", "tests"];
    const below = sources.filter((file) => !above.some((folder) => within(folder)(file)));
    expect(imports(below, under("integrations"))).toEqual([]);
  });

  test("a package that not everybody installs is imported by one file, and that by nothing that is always loaded", () => {
    const optional: Readonly<Record<string, string>> = {
      "@langchain/core": "langchain",
      "@llamaindex/core": "llamaindex",
      "@modelcontextprotocol/sdk": "mcp",
      ai: "ai-sdk",
    };
    for (const [name, entry] of Object.entries(optional)) {
      const shipped = sources.filter((file) => !within("tests")(file) && !within("examples")(file));
      const isIt = (target: string): boolean => `${target}/`.startsWith(`${name}/`);
      const importers = shipped.filter((file) => file.imports.some(isIt)).map(({ path }) => path);
      expect([name, importers]).toEqual([name, [`integrations/${entry}.ts`]]);
      const users = shipped.filter((file) => file.imports.includes(`integrations/${entry}.ts`)).map(({ path }) => path);
      expect([name, users]).toEqual([name, entry === "mcp" ? ["cli/mcp.ts"] : []]);
    }
  });

  test("of the console, server and page share types alone, and nothing but its command imports it", () => {
    const page = files("console").filter(within("console/page"));
    expect(
      imports(page, (target) => isOurs(target) && !under("console/page")(target) && target !== "console/api.ts"),
    ).toEqual([]);
    expect(imports(files("console").filter(within("console/server")), under("console/page", "cli"))).toEqual([]);
    expect(
      imports(
        sources.filter((file) => !within("console")(file) && !within("tests")(file) && file.path !== "cli/console.ts"),
        under("console"),
      ),
    ).toEqual([]);
  });

  test("nothing that ships imports the tests", () => {
    expect(
      imports(
        sources.filter((file) => !within("tests")(file)),
        under("tests"),
      ),
    ).toEqual([]);
  });
});

test("every dependency is pinned to one version", () => {
  // Peers are what somebody else installs, and ranges by nature.
  type Manifest = Record<
    "dependencies" | "devDependencies" | "optionalDependencies",
    Record<string, string> | undefined
  >;
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
  const all = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies].flatMap((group) =>
    Object.entries(group ?? {}),
  );
  expect(all.length).toBeGreaterThan(0);
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
