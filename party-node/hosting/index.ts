export { HostService, type HostServiceOptions, type HostedRequest, isHostedRequest } from "./host-service.ts";
export type { HostingFaultCode } from "./hosted-collections.ts";
