/**
 * Asking a federation from a program; begin with {@link connect}.
 *
 * @module sotto
 */
export { type ConnectOptions, connect } from "./party-node/connect.ts";
export {
  type Asking,
  type QueryOptions,
  type CitedPart,
  type CitedPassage,
  type FederationView,
  type HostedOutcome,
  type OtherSource,
  type PartyFault,
  type PartyOutcome,
  type PartyRoute,
  type QueryResult,
  type Suspicion,
  SottoClient,
} from "./party-node/asking/index.ts";
export { Fault } from "./crypto/fault.ts";
