import { createHash } from "node:crypto";
import type { Corpus } from "../support/federation.ts";

/** Four letters that follow from a name, and from nothing else. */
const word = (name: string): string =>
  [...createHash("sha256").update(name).digest().subarray(0, 4)]
    .map((byte) => String.fromCharCode(97 + (byte % 26)))
    .join("");

/** `count` documents of five made-up words, no two alike, the same every time. */
export function corpus(prefix: string, count: number): Corpus {
  const text = (i: number): string =>
    [0, 1, 2, 3].map((place) => word(`${prefix} ${String(i)} ${String(place)}`)).join(" ");
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${String(i)}`, `${text(i)} ${prefix}`]));
}
