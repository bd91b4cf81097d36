import { readFileSync } from "node:fs";
import { Fault } from "../../crypto/fault.ts";
import type { Matrix } from "../sealing/matrix.ts";

export type NpyFaultCode = "NPY_MALFORMED";

/**
 * Reads NumPy's format (NEP 1, versions 1 to 3) where it holds a matrix of little-endian float32 row by row.
 *
 * @throws Fault NPY_MALFORMED.
 */
export function readNpy(path: string): Matrix {
  const bytes = readFileSync(path);
  const fail = (what: string): Fault =>
    new Fault<NpyFaultCode>("NPY_MALFORMED", `${path} ${what}; save it with numpy.save as a float32 matrix`);
  if (bytes.length < 12 || bytes.toString("latin1", 0, 6) !== "\x93NUMPY") throw fail("is no .npy file");
  const [start, length] = bytes[6] === 1 ? [10, bytes.readUInt16LE(8)] : [12, bytes.readUInt32LE(8)];
  const header = bytes.toString("latin1", start, start + length);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!header.includes("'<f4'") || !header.includes("'fortran_order': False") || !shape)
    throw fail("does not hold a matrix of little-endian float32 row by row");
  const [rows, width] = [Number(shape[1]), Number(shape[2])];
  const at = start + length;
  if (bytes.length !== at + 4 * rows * width) throw fail("does not have the length that its header says");
  return { data: new Float32Array(new Uint8Array(bytes.subarray(at)).buffer), rows, width };
}
