// Bundles the console's page into dist/console: app.js, app.css, index.html, icon.svg, and the licences of what is bundled.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(root, "console", "page");
const out = join(root, "dist", "console");

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [
    { in: join(page, "main.tsx"), out: "app" },
    { in: join(page, "style", "index.css"), out: "app" },
  ],
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "safari16.4"],
  tsconfig: join(page, "tsconfig.json"),
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
mkdirSync(out, { recursive: true });
for (const file of ["index.html", "icon.svg"]) cpSync(join(page, file), join(out, file));
writeFileSync(join(out, "licences.txt"), licences(packagesOf(Object.keys(metafile.inputs))));

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
