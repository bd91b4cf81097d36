import type { Encoder } from "../../party-node/encoders/index.ts";

/** The same encoder as an object of its own, of which one method can be exchanged. */
export function boundEncoder(encoder: Encoder): Encoder {
  const { spec, fingerprint, dim, normMax, device, usesStatistics } = encoder;
  return {
    ...{ spec, fingerprint, dim, normMax, device, usesStatistics },
    encodeQuery: (text) => encoder.encodeQuery(text),
    encodePassages: (texts, statistics) => encoder.encodePassages(texts, statistics),
    scoreMax: (question, texts) => encoder.scoreMax(question, texts),
    statistics: (bytes) => encoder.statistics(bytes),
    close: () => encoder.close(),
  };
}
