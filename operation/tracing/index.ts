export { type QuerySpan, querySpan } from "./query-span.ts";
export { type TracingFaultCode, type TracingOptions, startTracing } from "./start-tracing.ts";
