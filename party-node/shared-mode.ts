import { Fault } from "../crypto/fault.ts";

export interface SecretFile<Code extends string> {
  readonly path: string;
  /** As fstat gives it. */
  readonly mode: number;
  /** What it is called at the beginning of a sentence. */
  readonly what: string;
  readonly code: Code;
}

/** Refuses a secret that group or others have any right to. @throws Fault of the code given. */
export function refuseSharedMode<Code extends string>({ path, mode, what, code }: SecretFile<Code>): void {
  if ((mode & 0o077) === 0 || process.platform === "win32") return; // Windows reports no such rights
  throw new Fault<Code>(
    code,
    `${what} ${path} has mode ${(mode & 0o777).toString(8).padStart(4, "0")}: others than its owner have rights to it. ` +
      `Run: chmod 600 ${path}`,
  );
}
