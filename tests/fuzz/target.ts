import { isDeepStrictEqual } from "node:util";

/** What a decoder's input is made of: how the fuzzer changes it. */
export type Form = "cbor" | "json" | "text" | "bytes";

/** One decoder of bytes that come from elsewhere, and what counts as a bug in it. */
export interface FuzzTarget {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  readonly form: Form;
  /** Inputs that the decoder takes, from our own encoders. The same in every process but for random nonces. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Codes with which the decoder may refuse an input. Anything else that is thrown is a finding. */
  readonly faults: readonly string[];
  /** Decodes, and throws what the decoder throws; a {@link Defect} when what came out is wrong. */
  readonly run: (input: Uint8Array) => unknown;
  /** Longest input that is tried; default 4,096. */
  readonly bytesMax?: number;
}

/** An input that was taken and should not have been, or came out as something else. */
export class Defect extends Error {
  override readonly name = "Defect";
}

/** Decodes, encodes what came out, and decodes that: a value that does not survive was never one. */
export function survives<Value>(
  decode: (input: Uint8Array) => Value,
  encode: (value: Value) => Uint8Array,
): (input: Uint8Array) => void {
  return (input) => {
    const value = decode(input);
    let again: Value;
    try {
      again = decode(encode(value));
    } catch (cause) {
      throw new Defect("what was decoded is refused when it is encoded again", { cause });
    }
    if (!isDeepStrictEqual(value, again)) throw new Defect("what was decoded is not what its encoding decodes to");
  };
}

export const text = (input: Uint8Array): string => Buffer.from(input).toString();
export const bytesOf = (written: string): Uint8Array => new Uint8Array(Buffer.from(written));
