export { HostService, type HostServiceOptions, isHostedRequest } from "./host-service.ts";
export type { HostingFaultCode } from "./hosted-collections.ts";
