export { type ClientOptions, SottoClient } from "./client.ts";
export { checkEncoder, federationLayout } from "./federation-layout.ts";
export type { FederationView } from "./federation-view.ts";
export type { QueryOptions } from "./query-options.ts";
export type { PassageFaultCode } from "./passage-checks.ts";
export type { Asking } from "./start-asking.ts";
export { type Counted, type Flow, type MemberTraffic, type Traffic, TrafficMeter } from "./traffic.ts";
export { HintCache } from "./hint-cache.ts";
export type {
  CitedPart,
  CitedPassage,
  HostedOutcome,
  OtherSource,
  PartyFault,
  PartyOutcome,
  QueryResult,
  Suspicion,
} from "./result.ts";
export type { PartyRoute } from "../routing/index.ts";
