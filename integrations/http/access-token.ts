import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { Fault, sodium } from "../../crypto/index.ts";
import type { NodeFolder } from "../../party-node/node-folder.ts";
import { isErrno, sharedMode } from "../../party-node/private-file.ts";

export type AccessTokenFaultCode = "ACCESS_TOKEN_MODE" | "ACCESS_TOKEN_MALFORMED";

const TOKEN_BYTES = 32;

/**
 * What programs of this node's user show its local servers: 32 random bytes in base64url, kept in the node's folder with mode 0600 and made when there is none.
 *
 * @throws Fault ACCESS_TOKEN_MODE (others than its owner have rights to it), ACCESS_TOKEN_MALFORMED.
 */
export function openAccessToken({ accessTokenPath: path }: Pick<NodeFolder, "accessTokenPath">): string {
  const made = sodium.to_base64(sodium.randombytes_buf(TOKEN_BYTES), sodium.base64_variants.URLSAFE_NO_PADDING);
  return createToken(path, made) ? made : readToken(path);
}

/** @returns False where there is one already. */
function createToken(path: string, token: string): boolean {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
  try {
    writeFileSync(file, `${token}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return true;
}

function readToken(path: string): string {
  const file = openSync(path, "r");
  try {
    const mode = sharedMode(fstatSync(file).mode);
    if (mode !== null)
      throw new Fault<AccessTokenFaultCode>(
        "ACCESS_TOKEN_MODE",
        `${path} has mode ${mode}: others than its owner have rights to it. Delete it, for they may have read it; the next start makes a new one`,
      );
    const token = readFileSync(file, "utf8").trim();
    if (/^[\w-]{43}$/.test(token)) return token;
    throw new Fault<AccessTokenFaultCode>(
      "ACCESS_TOKEN_MALFORMED",
      `${path} holds no access token; delete it, and the next start makes a new one`,
    );
  } finally {
    closeSync(file);
  }
}
