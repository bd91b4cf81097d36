export { type CommonCoder, openCommonCoder } from "./common-coder.ts";
export { type PartyRoute, type PartyRouterOptions, type RoutingFaultCode, PartyRouter } from "./party-router.ts";
export { type Summary, summarise } from "./summary.ts";
export { type SummaryServiceOptions, SummaryService } from "./summary-service.ts";
