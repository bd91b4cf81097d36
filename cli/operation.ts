import type { Command } from "commander";
import type { Logger } from "pino";
import type { Fault } from "../crypto/index.ts";
import { AuditLog, type AuditSink, CarriedTally } from "../operation/audit/index.ts";
import { type MetricsRegistry, processMetrics, startMetricsServer } from "../operation/metrics/index.ts";
import { startTracing } from "../operation/tracing/index.ts";
import type { OpenedNode } from "../party-node/node-folder.ts";
import type { PartyServer } from "../party-node/serving/index.ts";
import type { FrameObserver } from "../protocol/index.ts";
import { parsePort, tracesOption } from "./options.ts";
import { version } from "./version.ts";

/** What every server of ours can be asked to keep and to show of itself. */
export interface OperationOptions {
  readonly audit: boolean;
  readonly metricsPort?: number;
  readonly metricsHost: string;
  readonly metricsMembers: boolean;
  readonly traces?: URL;
}

export function addOperationOptions(command: Command): Command {
  return command
    .option("--no-audit", "keep no audit log (see sotto audit)")
    .option("--metrics-port <port>", "serve /metrics for Prometheus and /healthz on this port; default: not", parsePort)
    .option("--metrics-host <address>", "address for them; whoever reaches it can read them", "127.0.0.1")
    .option("--metrics-members", "count questions by the member who asked: tells readers of /metrics who asks", false)
    .addOption(tracesOption());
}

/** Audit log and metrics of a process that runs. */
export interface Operation extends AsyncDisposable {
  readonly sink: AuditSink;
  readonly observer: FrameObserver;
  /** Settles when the audit log cannot be written any more: a server without its account stops. */
  readonly failed: Promise<Fault>;
}

interface OperationContext {
  readonly node: OpenedNode;
  readonly role: "party" | "coordinator";
  readonly options: OperationOptions;
  readonly log: Logger;
  readonly isHealthy: () => boolean;
  /** Of a party: which coordinators list it. */
  readonly coordinators?: () => PartyServer["coordinators"];
  /** Sees every frame too. */
  readonly observer?: FrameObserver | undefined;
}

/** @throws Fault AUDIT_BUSY, AUDIT_BROKEN, METRICS_PORT_UNUSABLE, TRACING_MISSING. */
export async function openOperation(context: OperationContext): Promise<Operation> {
  const { role, options, observer } = context;
  await using opened = new AsyncDisposableStack();
  if (options.traces) opened.use(await openTraces(options.traces, context));
  const audit = options.audit ? opened.use(await openAudit(context)) : null;
  const metrics = processMetrics({ withMembers: options.metricsMembers });
  const record: AuditSink = (event) => {
    audit?.record(event);
  };
  opened.defer(() => {
    record({ kind: "stopped" });
  });
  const tally = role === "coordinator" ? opened.adopt(new CarriedTally(record), (one) => one.close()) : null;
  const account = tally?.sink ?? record;
  await serveMetrics(context, opened, metrics.registry);
  const sink: AuditSink = (event) => {
    context.log.debug(event, "event");
    metrics.sink(event);
    account(event);
  };
  const { revision, members } = context.node.federation.terms;
  sink({ kind: "started", role });
  sink({ kind: "federation-taken", revision, members: members.length });
  const all = opened.move();
  return {
    sink,
    observer: (frame) => {
      observer?.(frame);
      metrics.observer(frame);
      tally?.observer(frame);
    },
    failed: audit?.failed ?? new Promise(() => undefined),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function openAudit({ node: { folder, identity, federation } }: OperationContext): Promise<AuditLog> {
  return AuditLog.open({
    folder: folder.auditPath,
    identity,
    federation,
    wallClock: () => Date.now(),
    formerKeys: federation.formerKeysOf(identity.name),
  });
}

function openTraces(url: URL, { node, role, log }: OperationContext): Promise<AsyncDisposable> {
  return startTracing({
    url,
    service: `sotto-${role}`,
    member: node.identity.name,
    version,
    onProblem: (what) => {
      log.warn({ what }, "traces could not be sent");
    },
  });
}

async function serveMetrics(
  { options: { metricsPort: port, metricsHost: host }, isHealthy, coordinators, log }: OperationContext,
  opened: AsyncDisposableStack,
  registry: MetricsRegistry,
): Promise<void> {
  if (port === undefined) return;
  if (coordinators)
    registry.labelledGauge("sotto_coordinator_reached", "1 for a coordinator that lists this party, otherwise 0.", () =>
      coordinators().map(({ url, isListed }) => [{ coordinator: url }, Number(isListed)]),
    );
  const details = (): string[] =>
    (coordinators?.() ?? []).map(({ url, isListed }) => `coordinator ${url} ${isListed ? "reached" : "not reached"}`);
  const server = await startMetricsServer({ registry, isHealthy, details, port, host });
  opened.defer(() => server.close());
  log.info({ host, port: server.port }, "serving metrics");
}
