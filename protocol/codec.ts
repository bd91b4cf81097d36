import { Tokenizer, decode, encode } from "cborg";
import type { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { limits } from "./limits.ts";
import { type EndToEndMessage, type HopMessage, endToEndMessages, hopMessages, messageLimits } from "./messages.ts";

/** CBOR (RFC 8949) in its deterministic form: one encoding a value, so that sizes do not depend on how a peer writes. */
const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
} as const;

/** @returns Deterministic CBOR of a value made of maps, arrays, strings, integers, booleans and byte strings. */
export function encodeValue(value: unknown): Uint8Array {
  return plainView(encode(value));
}

/** A plain view even of a Buffer, whose slices would not be copies. */
function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * @param schema - Every byte string in the result is a view into `bytes`.
 * @param itemsMax - Most items; default is a message's.
 * @throws Fault FRAME_MALFORMED when it is not CBOR, FRAME_TOO_LARGE for too many items, MESSAGE_INVALID when it does not fit the schema (the message names the field, never its value).
 */
export function decodeValue<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
  itemsMax: number = limits.messageItemsMax,
): z.infer<Schema> {
  return validate(schema, parse(bytes, itemsMax));
}

/** Stops at too many items: sixteen million empty maps fit in one frame and would take gigabytes. */
class LimitedTokenizer extends Tokenizer {
  readonly #itemsMax: number;
  #items = 0;

  constructor(bytes: Uint8Array, itemsMax: number) {
    super(bytes, STRICT);
    this.#itemsMax = itemsMax;
  }

  override next(): ReturnType<Tokenizer["next"]> {
    if (++this.#items > this.#itemsMax)
      throw new Fault<ProtocolFaultCode>(
        "FRAME_TOO_LARGE",
        `a message holds more than ${String(this.#itemsMax)} items`,
      );
    return super.next();
  }
}

function parse(bytes: Uint8Array, itemsMax: number): unknown {
  const plain = plainView(bytes);
  try {
    return decode(plain, { ...STRICT, tokenizer: new LimitedTokenizer(plain, itemsMax) });
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault<ProtocolFaultCode>("FRAME_MALFORMED", "the bytes are not well-formed CBOR", cause);
  }
}

function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value, { reportInput: false });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Fault<ProtocolFaultCode>(
    "MESSAGE_INVALID",
    `field ${issue?.path.map(String).join(".") ?? ""} is not as the protocol says (${issue?.code ?? "unknown"})`,
  );
}

type Schemas = Readonly<Record<string, z.ZodType>>;

function decodeMessage(schemas: Schemas, bytes: Uint8Array): unknown {
  const value = parse(bytes, limits.messageItemsMax);
  const type =
    typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" ? value.type : "";
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  if (!schema) throw new Fault<ProtocolFaultCode>("MESSAGE_UNKNOWN", "the message has no type that this version knows");
  const { bytesMax } = messageLimits[type as keyof typeof messageLimits];
  if (bytes.length > bytesMax)
    throw new Fault<ProtocolFaultCode>(
      "FRAME_TOO_LARGE",
      `a ${type} message has ${String(bytes.length)} bytes, at most ${String(bytesMax)} are allowed`,
    );
  return validate(schema, value);
}

/** @throws Fault FRAME_MALFORMED, FRAME_TOO_LARGE, MESSAGE_UNKNOWN, MESSAGE_INVALID. */
export function decodeHopMessage(bytes: Uint8Array): HopMessage {
  return decodeMessage(hopMessages, bytes) as HopMessage;
}

/** @throws Fault FRAME_MALFORMED, FRAME_TOO_LARGE, MESSAGE_UNKNOWN, MESSAGE_INVALID. */
export function decodeEndToEndMessage(bytes: Uint8Array): EndToEndMessage {
  return decodeMessage(endToEndMessages, bytes) as EndToEndMessage;
}
