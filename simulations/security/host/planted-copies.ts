import type { Encoder } from "../../../party-node/encoders/index.ts";
import { encoderInput } from "../../../party-node/documents/index.ts";
import type { BeirDocument } from "../../beir.ts";
import { EDITS } from "../../codes/edits.ts";
import { type Matrix, matrixOf, nearest, pick, row, squaredDistance } from "../../sealing/matrix.ts";
import { probabilityBelow } from "../../sealing/statistics.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Lab } from "../lab.ts";
import { type Interval, aucInterval } from "../confidence.ts";

/** Rows, some of which stand in the collection three times: as they are, once more, and edited. */
export interface PlantedCopies {
  /** Shape [originals + 2 copies][dim]: all originals, the exact copies, the edited ones. */
  readonly rows: Matrix;
  readonly originals: number;
  /** Originals that have copies, in the order of these. */
  readonly copied: readonly number[];
  /** For each of them the nearest other original in the open. */
  readonly nearestOther: readonly number[];
}

/** @param vectors - Of these documents, shape [documents][dim]. */
export async function plantCopies(
  lab: Lab,
  encoder: Encoder,
  {
    documents,
    vectors,
    count,
  }: { readonly documents: readonly BeirDocument[]; readonly vectors: Matrix; readonly count: number },
): Promise<PlantedCopies> {
  const copied = sampleIndices(vectors.rows, count, lab.random);
  const edits = Object.values(EDITS);
  const edited = copied.map((i, at) => ({
    ...documents[i]!,
    title: "",
    text: edits[at % edits.length]!(encoderInput(documents[i]!), lab.random),
  }));
  const editedVectors = await lab.encode(encoder, edited, lab.statistics(encoder, documents));
  const exact = pick(vectors, copied);
  const found = await nearest(vectors, exact, { count: 2, by: "distance", signal: lab.signal });
  const all = [vectors, exact, editedVectors].flatMap((part) =>
    Array.from({ length: part.rows }, (_, i) => row(part, i)),
  );
  return {
    rows: matrixOf(all, vectors.width),
    originals: vectors.rows,
    copied,
    nearestOther: found.rows.map((pair, at) => pair.find((other) => other !== copied[at])!),
  };
}

/** How well a threshold on the distance of two stored rows tells copies from other pairs; all are areas under the ROC curve. */
export interface CopyFigures {
  /** A row and its exact copy against the row and the nearest other one. */
  readonly exact: number;
  /** The same of edited copies. */
  readonly edited: number;
  /** A row and its edited copy against two rows at random. */
  readonly editedAgainstAny: number;
  /** Of a figure, 95 %. */
  readonly intervalOf: (figure: number) => Interval;
}

/** @param rows - {@link PlantedCopies.rows} as stored. */
export function measureCopies(rows: Matrix, { originals, copied, nearestOther }: PlantedCopies): CopyFigures {
  const distance = (a: number, b: number): number => squaredDistance(row(rows, a), row(rows, b));
  const count = copied.length;
  const exact = copied.map((i, at) => distance(i, originals + at));
  const edited = copied.map((i, at) => distance(i, originals + count + at));
  const hard = copied.map((i, at) => distance(i, nearestOther[at]!));
  const any = copied.map((i, at) => distance(i, copied[(at + 1) % count]!));
  return {
    exact: probabilityBelow(exact, hard),
    edited: probabilityBelow(edited, hard),
    editedAgainstAny: probabilityBelow(edited, any),
    intervalOf: (figure) => aucInterval(figure, count, count),
  };
}
