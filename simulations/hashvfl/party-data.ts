import { readFileSync, writeFileSync } from "node:fs";
import { decode, encode } from "cborg";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { floatBytes, floats } from "./checkpoint.ts";
import type { PartyFeatures } from "./local-party.ts";

const schema = z
  .strictObject({
    columns: z.int().min(1),
    train: floats,
    test: floats,
    standardisation: z.strictObject({ mean: floats, scale: floats }).nullable(),
  })
  .refine(({ columns, train, test }) => [train, test].every(({ length }) => length % columns === 0))
  .refine(({ train, test }) => [train, test].every((values) => values.every(Number.isFinite)));

/** Writes a party's features for its process to read, for its user's eyes only. */
export function writePartyData(path: string, { columns, values, standardisation }: PartyFeatures): void {
  const content = {
    columns,
    train: floatBytes(values.train),
    test: floatBytes(values.test),
    standardisation: standardisation
      ? {
          mean: floatBytes(standardisation.mean),
          scale: floatBytes(standardisation.scale),
        }
      : null,
  };
  writeFileSync(path, encode(content), { mode: 0o600 });
}

/** @throws Fault PARTY_DATA_MALFORMED for anything but a file of {@link writePartyData}; of the file system. */
export function readPartyData(path: string): PartyFeatures {
  const bytes = readFileSync(path);
  try {
    const { columns, train, test, standardisation } = schema.parse(decode(bytes));
    return { columns, values: { train, test }, standardisation: standardisation ?? undefined };
  } catch (cause) {
    // The cause may quote a value.
    const kind = cause instanceof z.ZodError ? "does not hold a party's features" : "is not CBOR";
    throw new Fault("PARTY_DATA_MALFORMED", `${path} ${kind}; have it written again`);
  }
}
