import { readFileSync, writeFileSync } from "node:fs";
import { decode, encode } from "cborg";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { floatBytes, floats } from "./checkpoint.ts";
import type { PartyFeatures } from "./local-party.ts";
import type { VerticalData } from "./vertical-data.ts";

const schema = z
  .strictObject({
    columns: z.int().min(1),
    train: floats,
    test: floats,
    standardisation: z.strictObject({ mean: floats, scale: floats }).nullable(),
  })
  .refine(
    ({ columns, standardisation: made }) => !made || [made.mean, made.scale].every(({ length }) => length === columns),
  )
  .refine(({ columns, train, test }) => [train, test].every(({ length }) => length % columns === 0))
  .refine(({ train, test }) => [train, test].every((values) => values.every(Number.isFinite)));

/** What party number `index` holds, and nothing of the others'. */
export function featuresOf({ parties, train, test }: VerticalData, index: number): PartyFeatures {
  return {
    columns: parties[index]!.features.length,
    values: { train: train.features[index]!, test: test.features[index]! },
    standardisation: parties[index]!.standardisation,
  };
}

/** Writes a party's features for its process to read, for its user's eyes only. */
export function writePartyData(
  path: string,
  { columns, values: { train, test }, standardisation }: PartyFeatures,
): void {
  const made = standardisation ?? null;
  const content = {
    columns,
    train: floatBytes(train),
    test: floatBytes(test),
    standardisation: made && { mean: floatBytes(made.mean), scale: floatBytes(made.scale) },
  };
  writeFileSync(path, encode(content), { mode: 0o600 });
}

/** @throws Fault PARTY_DATA_MALFORMED for anything but a file of {@link writePartyData}; of the file system. */
export function readPartyData(path: string): PartyFeatures {
  const bytes = readFileSync(path);
  try {
    const { columns, standardisation, ...values } = schema.parse(decode(bytes));
    return { columns, values, standardisation: standardisation ?? undefined };
  } catch (cause) {
    // The cause may quote a value.
    const kind = cause instanceof z.ZodError ? "does not hold a party's features" : "is not CBOR";
    throw new Fault("PARTY_DATA_MALFORMED", `${path} ${kind}; have it written again`);
  }
}
