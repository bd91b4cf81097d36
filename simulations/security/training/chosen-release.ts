import { disagreement, disagreementThreshold } from "../../../crypto/codes/disagreement.ts";
import { packSigns } from "../../../protocol/index.ts";
import { likeliest } from "./perturb.ts";

export interface ChosenReleaseOptions {
  /** Probabilities of the classes, shape [rows, classes], of what both parties release, shape [rows, bits] each. */
  readonly predict: (releases: readonly Float32Array[]) => Promise<Float32Array>;
  /** What the parties released honestly, shape [rows, bits] each. */
  readonly honest: readonly [Float32Array, Float32Array];
  /** The class that the first party wants each row to have, another than its own. */
  readonly wanted: Uint8Array;
  readonly classes: number;
  readonly bits: number;
  /** What the first party tries in place of each of its releases, shape [tries, bits]. */
  readonly candidates: Float32Array;
  readonly pause: () => Promise<void>;
}

export interface ChosenRelease {
  /** The share of rows for which one of the candidates makes the predicted class the one wanted. */
  readonly turned: number;
  /** For which one does so without the parties' codes disagreeing more than is usual; signs are taken of floats. */
  readonly unnoticed: number;
  /** By one candidate, mean over them. */
  readonly byChance: number;
}

/** A party that may send what it likes tries release after release, and needs no model: only the answers. */
export async function chooseReleases(options: ChosenReleaseOptions): Promise<ChosenRelease> {
  const { predict, honest, wanted, classes, bits, candidates, pause } = options;
  const [own, other] = honest.map((released) => codesOf(released, bits)) as [Uint8Array[], Uint8Array[]];
  const limit = disagreementThreshold(
    own.map((code, row) => disagreement([code, other[row]!], bits)),
    bits,
  );
  const tries = candidates.length / bits;
  const [turned, unnoticed] = [new Set<number>(), new Set<number>()];
  let turns = 0;
  for (let at = 0; at < tries; at++) {
    await pause();
    const candidate = candidates.subarray(at * bits, (at + 1) * bits);
    const code = packSigns(candidate);
    const sent = honest[0].map((_, i) => candidate[i % bits]!);
    const scores = await predict([sent, honest[1]]);
    for (const [row, aim] of wanted.entries()) {
      if (likeliest(scores, row, classes) !== aim) continue;
      turns++;
      turned.add(row);
      if (disagreement([code, other[row]!], bits) <= limit) unnoticed.add(row);
    }
  }
  const count = wanted.length;
  return { turned: turned.size / count, unnoticed: unnoticed.size / count, byChance: turns / (count * tries) };
}

function codesOf(released: Float32Array, bits: number): Uint8Array[] {
  return Array.from({ length: released.length / bits }, (_, row) =>
    packSigns(released.subarray(row * bits, (row + 1) * bits)),
  );
}
