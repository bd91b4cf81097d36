import { fstatSync } from "node:fs";

/**
 * Whether others than its owner have any right to an open file.
 *
 * @returns Its mode in octal digits where they have, else null; always null on Windows, which reports no such rights.
 */
export function sharedMode(file: number): string | null {
  const { mode } = fstatSync(file);
  if ((mode & 0o077) === 0 || process.platform === "win32") return null;
  return (mode & 0o777).toString(8).padStart(4, "0");
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
