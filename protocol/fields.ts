import { z } from "zod";
import { limits } from "./limits.ts";

/** Bytes of a BLAKE2b-256 hash. */
export const HASH_BYTES = 32;

/** A byte string of exactly `length` bytes, or of at most `max`. */
export const bytes = (size: { readonly length: number } | { readonly max: number }): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>(
    (value) =>
      value instanceof Uint8Array && ("length" in size ? value.length === size.length : value.length <= size.max),
    {
      error: "length" in size ? `expected ${String(size.length)} bytes` : `expected at most ${String(size.max)} bytes`,
    },
  );

/** A member's name: what people call it, safe in file names and logs. */
export const memberName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, "expected lower-case letters, digits and dashes")
  .max(limits.nameLengthMax);
