import { DiagLogLevel, diag, trace } from "@opentelemetry/api";
import { Fault } from "../../crypto/index.ts";

export type TracingFaultCode = "TRACING_MISSING";

export interface TracingOptions {
  /** Where an OpenTelemetry collector takes spans by HTTP: `http://localhost:4318`; headers come from OTEL_EXPORTER_OTLP_HEADERS. */
  readonly url: URL;
  readonly service: "sotto-querier" | "sotto-coordinator" | "sotto-party";
  /** The member's name. */
  readonly member: string;
  readonly version: string;
  /** Told in words what of the sending failed. */
  readonly onProblem: (what: string) => void;
}

/** Where collectors listen unless an address says more. */
const TRACES_PATH = "/v1/traces";

/**
 * Records this process's spans and sends them on. Programs that use the package and have set up OpenTelemetry themselves need nothing of this.
 *
 * @returns Sends what is left and ends it.
 * @throws Fault TRACING_MISSING: OpenTelemetry's SDK is not installed.
 */
export async function startTracing({
  url,
  service,
  member,
  version,
  onProblem,
}: TracingOptions): Promise<AsyncDisposable> {
  const { TracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes } = await loadSdk();
  const tell = (message: string): void => {
    onProblem(message);
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const target = url.pathname === "/" ? new URL(TRACES_PATH, url) : url;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": service,
      "service.instance.id": member,
      "service.version": version,
    }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: target.href }) })],
  });
  trace.setGlobalTracerProvider(provider);
  return {
    [Symbol.asyncDispose]: async () => {
      trace.disable();
      await provider.shutdown().catch(ignore);
    },
  };
}

async function loadSdk() {
  try {
    const [{ TracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }] =
      await Promise.all([
        import("@opentelemetry/sdk-trace"),
        import("@opentelemetry/exporter-trace-otlp-http"),
        import("@opentelemetry/resources"),
      ]);
    return { TracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes };
  } catch (cause) {
    throw new Fault<TracingFaultCode>(
      "TRACING_MISSING",
      "traces need three packages that are not installed: npm install @opentelemetry/sdk-trace@3 @opentelemetry/resources@3 @opentelemetry/exporter-trace-otlp-http@0.301",
      cause,
    );
  }
}
