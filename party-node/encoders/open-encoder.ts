import type { Encoder } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { openHybrid, type WeightedEncoder } from "./hybrid.ts";
import { openLexical } from "./lexical.ts";
import { openOnnx } from "./onnx.ts";

/** What an encoder's scores are multiplied by in a hybrid that names no weights; measured by `benchmarks/encoders.ts`. */
const LEXICAL_WEIGHT_DEFAULT = 0.1;
const ONNX_WEIGHT_DEFAULT = 1;
const HYBRID_PARTS_MAX = 4;

/**
 * Opens the encoder a person asked for:
 * - `lexical`, `lexical:2048` (buckets),
 * - `onnx:DIR`,
 * - `hybrid(lexical,onnx:DIR)`, `hybrid(lexical:2048*0.05,onnx:DIR*1)` (weights); a DIR there may not contain a comma.
 *
 * A DIR may not contain a question mark: what follows one is refused as an option.
 *
 * @throws Fault UNKNOWN_SPEC, BAD_OPTION, MODEL_MISSING, BAD_MODEL, DEVICE_UNAVAILABLE.
 */
export async function openEncoder(spec: string): Promise<Encoder> {
  const hybrid = /^hybrid\((.*)\)$/s.exec(spec);
  return hybrid ? openParts(hybrid[1]!) : openSingle(spec);
}

async function openParts(list: string): Promise<Encoder> {
  const written = list.split(",").map((part) => part.trim());
  if (written.length > HYBRID_PARTS_MAX)
    throw encoderFault("BAD_OPTION", `A hybrid takes at most ${HYBRID_PARTS_MAX} encoders; leave some out.`);
  const parts: WeightedEncoder[] = [];
  try {
    for (const part of written) parts.push(await openWeighted(part));
    return openHybrid(parts);
  } catch (error) {
    await Promise.all(parts.map(({ encoder }) => encoder.close()));
    throw error;
  }
}

async function openWeighted(part: string): Promise<WeightedEncoder> {
  const weighted = /^(.*)\*([^*]*)$/s.exec(part);
  const spec = weighted ? weighted[1]! : part;
  const weight = weighted
    ? readNumber(weighted[2]!, "weight")
    : spec.startsWith("onnx:")
      ? ONNX_WEIGHT_DEFAULT
      : LEXICAL_WEIGHT_DEFAULT;
  return { encoder: await openSingle(spec), weight };
}

function openSingle(spec: string): Promise<Encoder> {
  if (spec === "lexical") return openLexical();
  const [kind, rest] = splitOnce(spec, ":");
  if (kind === "lexical" && rest) return openLexical(readNumber(rest, "number of buckets"));
  if (kind === "onnx" && rest) return openOnnx(withoutOptions(rest));
  throw encoderFault(
    "UNKNOWN_SPEC",
    `"${spec}" names no encoder; write lexical, onnx:DIR or hybrid(lexical,onnx:DIR).`,
  );
}

function withoutOptions(directory: string): string {
  if (!directory.includes("?")) return directory;
  throw encoderFault("BAD_OPTION", `The onnx encoder takes no options; write onnx:DIR, where DIR has no "?".`);
}

function readNumber(text: string, what: string): number {
  if (/^\d+(\.\d+)?(e-?\d+)?$/.test(text)) return Number(text);
  throw encoderFault(
    "BAD_OPTION",
    `The encoder's ${what} is not a number; write digits, for example lexical:2048 or hybrid(lexical*0.1,onnx:DIR*1).`,
  );
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
