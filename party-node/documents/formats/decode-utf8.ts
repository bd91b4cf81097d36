import { UnreadError } from "./unread.ts";

/** @throws UnreadError NOT_UTF8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UnreadError("NOT_UTF8", "is not UTF-8 text. Save it as UTF-8.", error);
  }
}
