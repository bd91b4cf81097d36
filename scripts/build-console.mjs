// Bundles the console's page into dist/console: app.js, app.css, index.html, icon.svg, and the licences of what is bundled.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(root, "console", "page");
const out = join(root, "dist", "console");

const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: [
    { in: join(page, "main.tsx"), out: "app" },
    { in: join(page, "style", "index.css"), out: "app" },
  ],
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  tsconfig: join(page, "tsconfig.json"),
  legalComments: "none",
  metafile: true,
  write: false,
  logLevel: "warning",
});
mkdirSync(out, { recursive: true });
for (const { path, contents } of outputFiles) put(basename(path), contents);
for (const file of ["index.html", "icon.svg"]) put(file, readFileSync(join(page, file)));
put("licences.txt", licences(packagesOf(Object.keys(metafile.inputs))));

/** A console that starts meanwhile reads the file as it was or as it is. */
function put(name, contents) {
  const unfinished = join(out, `${name}.${process.pid}.new`);
  writeFileSync(unfinished, contents);
  renameSync(unfinished, join(out, name));
}

/** Folders of the packages that files are from, in order. */
function packagesOf(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

function licences(folders) {
  return folders
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
      const text = readFileSync(join(root, folder, "LICENSE"), "utf8").trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}
