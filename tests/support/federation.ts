import {
  FederationInProcess,
  type FederationInProcessOptions,
} from "../../simulations/federation/federation-in-process.ts";
import type { Encoder } from "../../party-node/encoders/encoder.ts";
import { unitBigramEncoder } from "./bigram-encoder.ts";

export { until } from "../../simulations/federation/federation-in-process.ts";
export type { Corpus } from "../../simulations/federation/ingest-corpus.ts";
export type { HeldRow } from "../../simulations/federation/party-in-process.ts";

export interface TestFederationOptions extends Omit<FederationInProcessOptions, "encoder"> {
  /** Default {@link unitBigramEncoder}. */
  readonly encoder?: Encoder;
}

export type TestFederation = FederationInProcess;
export const TestFederation = {
  start: (options: TestFederationOptions): Promise<TestFederation> =>
    FederationInProcess.start({ encoder: unitBigramEncoder(), ...options }),
};
