import { Fault } from "../fault.ts";
import { POINT_BYTES } from "./ristretto.ts";

/** POINTS_REPEATED: a set holds an element twice, which no set of different ids does. */
export type HelperFaultCode = "POINTS_REPEATED";

/**
 * What the helper does: finds the elements that all sets hold.
 *
 * @param sets - Of each party, raised by all of them, 32 bytes an element.
 * @returns Of each party, the positions of the common elements, in the same order for all: by the elements' bytes, which say nothing about the ids.
 * @throws Fault POINTS_REPEATED.
 */
export function commonPositions(sets: readonly Uint8Array[]): Uint32Array[] {
  const positions = sets.map((set, i) => positionsOf(set, i + 1));
  const [first, ...others] = positions;
  const common = [...(first?.keys() ?? [])].filter((element) => others.every((set) => set.has(element))).sort();
  return positions.map((set) => Uint32Array.from(common, (element) => set.get(element)!));
}

/** Element (a character a byte) -> position. */
function positionsOf(set: Uint8Array, number: number): Map<string, number> {
  const text = Buffer.from(set.buffer, set.byteOffset, set.byteLength).toString("latin1");
  const positions = new Map<string, number>();
  const count = set.length / POINT_BYTES;
  for (let i = 0; i < count; i++) positions.set(text.slice(i * POINT_BYTES, (i + 1) * POINT_BYTES), i);
  if (positions.size !== count)
    throw new Fault<HelperFaultCode>(
      "POINTS_REPEATED",
      `set number ${number} of those compared holds an element twice, which no set of different ids does; its party, or one that raised it, does not follow the protocol`,
    );
  return positions;
}
