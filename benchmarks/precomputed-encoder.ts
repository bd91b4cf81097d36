import { createHash } from "node:crypto";
import type { Encoder } from "../party-node/encoders/index.ts";
import { unitVectors } from "./vectors.ts";

/** Far from the seeds of the collections. */
const QUESTION_SEED = 0x40000000;

/** The vector of question `number`, the same in every process: shape [dim], unit norm. */
export function questionVector(number: number, dim: number): Float32Array {
  return unitVectors(1, dim, QUESTION_SEED + number);
}

/** Takes the question "17" for question vector 17, so that what is measured is everything but an encoder. */
export function precomputedEncoder(dim: number): Encoder {
  const notHere = (): never => {
    throw new TypeError("the precomputed encoder encodes no passages: the stores are filled directly");
  };
  return {
    spec: "precomputed",
    fingerprint: createHash("sha256").update(`sotto benchmark vectors ${dim}`).digest("hex"),
    dim,
    normMax: 1,
    device: "js",
    usesStatistics: false,
    encodeQuery: (question) => Promise.resolve(questionVector(Number(question), dim)),
    encodePassages: notHere,
    scoreMax: (_, passages) => Promise.resolve(passages.map(() => 1)),
    statistics: notHere,
    close: () => Promise.resolve(),
  };
}
