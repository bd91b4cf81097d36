/* CBOR as docs/protocol.md has it. Imports nothing of the project's, as everything in this folder. */

export type Value =
  null | boolean | number | string | Uint8Array | readonly Value[] | { readonly [key: string]: Value };
export type Fields = { readonly [key: string]: Value };

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function head(major: number, argument: number): Uint8Array {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  const size = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  const out = Buffer.alloc(1 + size, first | (24 + Math.log2(size)));
  if (size === 8) out.writeBigUInt64BE(BigInt(argument), 1);
  else out.writeUIntBE(argument, 1, size);
  return new Uint8Array(out);
}

/** A number with a fraction, in the fewest bytes that keep it. */
function fraction(value: number): Uint8Array {
  const half = halfBytes(value);
  if (half) return half;
  const out = Buffer.alloc(9);
  if (Math.fround(value) === value) {
    out[0] = 0xfa;
    out.writeFloatBE(value, 1);
    return new Uint8Array(out.subarray(0, 5));
  }
  out[0] = 0xfb;
  out.writeDoubleBE(value, 1);
  return new Uint8Array(out);
}

/** Null when half precision, without its subnormal numbers, loses something. */
function halfBytes(value: number): Uint8Array | null {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const mantissa = (Math.abs(value) / 2 ** exponent - 1) * 1024;
  if (!Number.isInteger(mantissa) || exponent < -14 || exponent > 15) return null;
  const bits = ((value < 0 ? 1 : 0) << 15) | ((exponent + 15) << 10) | mantissa;
  return Uint8Array.of(0xf9, bits >> 8, bits & 0xff);
}

export function encode(value: Value): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return fraction(value);
    return value < 0 ? head(1, -1 - value) : head(0, value);
  }
  if (typeof value === "string") return concat(head(3, Buffer.byteLength(value)), Buffer.from(value));
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (Array.isArray(value)) return concat(head(4, value.length), ...(value as readonly Value[]).map(encode));
  const entries = Object.entries(value as Fields).map(([key, entry]) => [encode(key), encode(entry)] as const);
  entries.sort(([a], [b]) => a.length - b.length || Buffer.compare(a, b));
  return concat(head(5, entries.length), ...entries.flat());
}

/** One value and nothing behind it. */
export function decode(bytes: Uint8Array): Value {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const argument = (info: number): number => {
    if (info < 24) return info;
    const size = 2 ** (info - 24);
    if (size > 8) throw new Error("not a definite length");
    at += size;
    return size === 8 ? Number(data.readBigUInt64BE(at - 8)) : data.readUIntBE(at - size, size);
  };
  const next = (): Value => {
    const first = data.readUInt8(at++);
    const [major, info] = [first >> 5, first & 31];
    if (major === 7) {
      if (info === 20 || info === 21) return info === 21;
      if (info === 22) return null;
      if (info === 26) return data.readFloatBE((at += 4) - 4);
      if (info === 27) return data.readDoubleBE((at += 8) - 8);
      throw new Error("not of this protocol");
    }
    const count = argument(info);
    if (major === 0) return count;
    if (major === 1) return -1 - count;
    if (major === 2) return new Uint8Array(data.subarray(at, (at += count)));
    if (major === 3) return data.toString("utf8", at, (at += count));
    if (major === 4) return Array.from({ length: count }, next);
    if (major === 5) return Object.fromEntries(Array.from({ length: count }, () => [next() as string, next()]));
    throw new Error("not of this protocol");
  };
  const value = next();
  if (at !== data.length) throw new Error("bytes behind the value");
  return value;
}
