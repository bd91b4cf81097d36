export {
  type Asking,
  type ClientOptions,
  type QueryOptions,
  SottoClient,
  checkEncoder,
  federationLayout,
} from "./client.ts";
export { HintCache } from "./hint-cache.ts";
export type { CitedPart, CitedPassage, HostedOutcome, PartyFault, PartyOutcome, QueryResult } from "./question.ts";
