export { type MetricsFaultCode, type MetricsServerOptions, startMetricsServer } from "./metrics-server.ts";
export { type ProcessMetrics, processMetrics } from "./process-metrics.ts";
export { Counter, Histogram, type Labels, MetricsRegistry } from "./registry.ts";
