import type { z } from "zod";

const TEXTS = ["alpha", "A_CODE", "0".repeat(64), "0".repeat(32), "wss://hub.example", "AAAAAAAAAAAAAAAAAAAAAA==", "1"];
const NUMBERS = [1, 0, 2, 16, 64, 1.5];
const LENGTHS = [48, 16, 32, 64, 80, 20, 24, 40, 256, 4, 8, 12];

interface Def {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, unknown>>;
}

/**
 * A value that fits a schema, found by trying: every message that a schema describes has a seed, also one that is added tomorrow.
 *
 * @param size - Entries of lists, and whether what may be left out or empty is there.
 * @throws TypeError for a schema whose values it does not find.
 */
export function sample(schema: z.ZodType, size: number): unknown {
  const def = schema.def as unknown as Def;
  const fits = (value: unknown): boolean => schema.safeParse(value).success;
  for (const value of candidates(def, size)) if (fits(value)) return value;
  throw new TypeError(`sample: no value was found for a schema of type ${def.type}`);
}

function* candidates(def: Def, size: number): Generator {
  switch (def.type) {
    case "object":
      yield Object.fromEntries(
        Object.entries(def.shape ?? {})
          .map(([key, field]) => [key, sample(field, size)])
          .filter(([, value]) => value !== undefined),
      );
      break;
    case "array":
      for (const length of [size, 1, 2]) yield Array.from({ length }, () => sample(def.element!, size));
      break;
    case "nullable":
      yield size > 0 ? sample(def.innerType!, size) : null;
      break;
    case "optional":
      yield size > 0 ? sample(def.innerType!, size) : undefined;
      break;
    case "readonly":
      yield sample(def.innerType!, size);
      break;
    case "literal":
      yield* def.values ?? [];
      break;
    case "enum":
      yield* Object.values(def.entries ?? {});
      break;
    case "boolean":
      yield size > 0;
      break;
    case "string":
      yield* size > 0 ? TEXTS : ["", ...TEXTS];
      break;
    case "number":
      yield* NUMBERS;
      break;
    case "custom":
      for (const length of size > 0 ? [...LENGTHS, 0] : [0, ...LENGTHS]) yield new Uint8Array(length).fill(size);
  }
}
