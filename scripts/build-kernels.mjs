// Compiles crypto/rlwe/kernels/ring.as.ts to WebAssembly SIMD and writes it as a module, so that crypto/ opens no file at run time.
// Runs from `prepare`, also on Node 20.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const folder = mkdtempSync(join(tmpdir(), "sotto-kernels-"));
try {
  const wasm = join(folder, "ring.wasm");
  const { error, stderr } = await asc.main([
    "crypto/rlwe/kernels/ring.as.ts",
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
    "crypto/rlwe/kernels/ring.generated.ts",
    `// Made by scripts/build-kernels.mjs from ring.as.ts.\nexport const ringKernelBase64 =\n  "${base64}";\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
