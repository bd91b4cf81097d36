import { Fault } from "../crypto/fault.ts";

/**
 * Whether others than its owner have any right to a file.
 *
 * @param mode - As fstat gives it.
 * @returns The mode in octal digits where they have, else null; always null on Windows, which reports no such rights.
 */
export function sharedMode(mode: number): string | null {
  if ((mode & 0o077) === 0 || process.platform === "win32") return null;
  return (mode & 0o777).toString(8).padStart(4, "0");
}

export interface SecretFile<Code extends string> {
  readonly path: string;
  /** As fstat gives it. */
  readonly mode: number;
  /** What it is called at the beginning of a sentence. */
  readonly what: string;
  readonly code: Code;
}

/** Refuses a secret that others than its owner have any right to. @throws Fault of the code given. */
export function refuseSharedMode<Code extends string>({ path, mode, what, code }: SecretFile<Code>): void {
  const shared = sharedMode(mode);
  if (shared === null) return;
  throw new Fault<Code>(
    code,
    `${what} ${path} has mode ${shared}: others than its owner have rights to it. Run: chmod 600 ${path}`,
  );
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
