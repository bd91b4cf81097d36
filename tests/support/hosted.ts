import type { Encoder } from "../../party-node/encoders/encoder.ts";
import { unitBigramEncoder } from "./bigram-encoder.ts";

export {
  MemberInProcess as TestMember,
  type OwnedOptions,
  OwnedCollection,
  exactRanking,
  faultOf,
  keyringPath,
  outcomeOf,
  rowOpener,
} from "../../simulations/federation/member-in-process.ts";

/** {@link unitBigramEncoder} without statistics: a text has one vector, whatever else is ingested. */
export function steadyEncoder(): Encoder {
  const encoder = unitBigramEncoder();
  const { encodeQuery } = encoder;
  return { ...encoder, usesStatistics: false, encodePassages: (texts) => Promise.all(texts.map(encodeQuery)) };
}
