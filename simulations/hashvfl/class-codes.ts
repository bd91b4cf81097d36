import { trainingFault } from "./fault.ts";
import { shuffledIndices } from "./randomness.ts";

/** The most draws of a bit. */
const DRAWS = 64;
/** A bit whose share of positive rows is this near to half is as good as any. */
const TOLERANCE = 0.05;

/**
 * Pre-defined random codes, one a class, no two the same (HashVFL, arXiv 2212.00325, section 4.3).
 *
 * Parties are pulled to them, so a bit can be positive for half the rows only where the classes that have it do hold about half of them. So of several
 * random draws of a bit, one is taken that comes within 0.05 of half, or the nearest: two classes get complementary codes.
 *
 * @param classRows - Training rows of each class.
 * @returns Shape [classes, bits], entries -1 or 1.
 * @throws Fault BITS_TOO_FEW.
 */
export function drawClassCodes(classRows: readonly number[], bits: number, random: () => number): Float32Array[] {
  if (2 ** bits < classRows.length)
    throw trainingFault(
      "BITS_TOO_FEW",
      `${classRows.length} classes need codes of at least ${Math.ceil(Math.log2(classRows.length))} bits to differ, got ${bits}`,
    );
  const codes = classRows.map(() => new Float32Array(bits));
  const rows = classRows.reduce((sum, count) => sum + count, 0);
  let groups = [classRows.map((_, i) => i)];
  for (let bit = 0; bit < bits; bit++) {
    const unbalance = (signs: readonly number[]): number =>
      Math.abs(classRows.reduce((sum, count, i) => sum + signs[i]! * count, 0)) / (2 * rows);
    const room = 2 ** (bits - bit - 1);
    let signs = drawBit(groups, room, random);
    for (let draw = 1; draw < DRAWS && unbalance(signs) > TOLERANCE; draw++) {
      const other = drawBit(groups, room, random);
      if (unbalance(other) < unbalance(signs)) signs = other;
    }
    signs.forEach((sign, i) => (codes[i]![bit] = sign));
    groups = groups
      .flatMap((group) => [-1, 1].map((side) => group.filter((i) => signs[i] === side)))
      .filter(({ length }) => length > 0);
  }
  return codes;
}

/** A random sign for every class, at most `room` of a group alike: as many as the bits to come can still set apart. */
function drawBit(groups: readonly (readonly number[])[], room: number, random: () => number): number[] {
  const signs: number[] = [];
  for (const group of groups) {
    const left = { "-1": room, "1": room };
    for (const i of shuffledIndices(group.length, random)) {
      const wanted = random() < 0.5 ? -1 : 1;
      const sign = left[wanted] > 0 ? wanted : wanted === 1 ? -1 : 1;
      left[sign]--;
      signs[group[i]!] = sign;
    }
  }
  return signs;
}
