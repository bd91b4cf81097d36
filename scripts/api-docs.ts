// Makes docs/api from the docstrings of the library's public names; a test fails when the two differ.
//   npm run api-docs
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Application } from "typedoc";
import type { PluginOptions } from "typedoc-plugin-markdown";

const root = join(import.meta.dirname, "..");
/** Where the pages are committed. */
export const API_FOLDER = join(root, "docs", "api");

/** @param out - Emptied first. @throws Error when a docstring links to what is not there. */
export async function writeApiPages(out: string): Promise<void> {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly exports: object };
  const entries = Object.values(exports as Readonly<Record<string, string | { readonly default: string }>>)
    .filter((entry) => typeof entry !== "string")
    .map((entry) => entry.default.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts"));
  const markdown: Partial<PluginOptions> = {
    entryFileName: "README",
    formatWithPrettier: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hideGroupHeadings: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    expandParameters: false,
    useCodeBlocks: false,
    tableColumnSettings: { hideInherited: true, hideOverrides: true, hideModifiers: true },
  };
  const app = await Application.bootstrapWithPlugins({
    name: "The library",
    entryPoints: entries.map((name) => join(root, name)),
    tsconfig: join(root, "tsconfig.json"),
    plugin: ["typedoc-plugin-markdown"],
    router: "module",
    groupOrder: ["Modules", "Functions", "Classes", "Interfaces", "Type Aliases", "Variables"],
    skipErrorChecking: true, // npm run typecheck does it
    out,
    readme: "none",
    disableSources: true,
    disableGit: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    githubPages: false,
    treatWarningsAsErrors: true,
    logLevel: "Warn",
    ...markdown,
  });
  const project = await app.convert();
  if (!project || app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error("the pages cannot be made; see above");
  await app.generateOutputs(project);
}

if (import.meta.main) await writeApiPages(process.argv[2] ?? API_FOLDER);
