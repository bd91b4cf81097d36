// Compiles the kernels under crypto/ to WebAssembly SIMD and writes each as a module, so that crypto/ opens no file at run time.
// Runs from `prepare`, also on Node 20.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import asc from "assemblyscript/asc";

for (const kernel of ["crypto/rlwe/kernels/ring", "crypto/codes/kernels/hamming"]) await build(kernel);

async function build(kernel) {
  const folder = mkdtempSync(join(tmpdir(), "sotto-kernels-"));
  try {
    const name = basename(kernel);
    const wasm = join(folder, `${name}.wasm`);
    const { error, stderr } = await asc.main([
      `${kernel}.as.ts`,
      "--outFile",
      wasm,
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--enable",
      "simd",
      "--importMemory",
      "--use",
      "abort=",
    ]);
    if (error) throw new Error(`asc failed: ${stderr.toString()}`);
    const base64 = readFileSync(wasm).toString("base64");
    writeFileSync(
      `${kernel}.generated.ts`,
      `// Made by scripts/build-kernels.mjs from ${name}.as.ts.\nexport const ${name}KernelBase64 =\n  "${base64}";\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
