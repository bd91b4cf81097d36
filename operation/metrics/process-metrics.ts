import type { FrameObserver } from "../../protocol/index.ts";
import type { AuditSink } from "../audit/index.ts";
import { type Labels, MetricsRegistry } from "./registry.ts";

/** Seconds; a pass over a hundred thousand rows takes about .02, and a query waits for the pass before its own. */
const SCORING_BOUNDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export interface ProcessMetrics {
  readonly registry: MetricsRegistry;
  readonly sink: AuditSink;
  readonly observer: FrameObserver;
}

/**
 * Counts what happens at a node or a coordinator.
 *
 * @param withMembers - Whether counts of questions are kept apart by who asked. Without it no metric names a member: whoever can read metrics, often a
 *   whole company, would otherwise see who asks how much and when.
 */
export function processMetrics({ withMembers }: { readonly withMembers: boolean }): ProcessMetrics {
  const registry = new MetricsRegistry();
  const labelled = { labelled: true };
  const events = registry.counter("sotto_events_total", "What the audit log has entries of, by kind.", labelled);
  const queries = registry.counter(
    "sotto_queries_total",
    "Questions by outcome: answered, or the code of the refusal.",
    labelled,
  );
  const scored = registry.counter("sotto_passages_scored_total", "Passages scored, over all questions.");
  const deliveries = registry.counter("sotto_deliveries_total", "Fetches that were answered with passages.");
  const delivered = registry.counter("sotto_passages_delivered_total", "Passages handed out.");
  const connections = registry.counter("sotto_connections_total", "Members' connections that were admitted.");
  const messages = registry.counter("sotto_messages_total", "Messages by direction and type.", labelled);
  const bytes = registry.counter("sotto_bytes_total", "Bytes of messages by direction.", labelled);
  const scoring = registry.histogram(
    "sotto_scoring_seconds",
    "From a question's acceptance to its scores.",
    SCORING_BOUNDS,
  );
  let connected = 0;
  registry.gauge(
    "sotto_connected_members",
    "Connections of members that are open; of a node always 0.",
    () => connected,
  );
  registry.gauge("process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage.rss());
  registry.gauge("process_start_time_seconds", "When the process started, since 1970.", () =>
    Math.round(performance.timeOrigin / 1000),
  );
  const of = (labels: Labels, member: string | null): Labels =>
    withMembers ? { ...labels, member: member ?? "unknown" } : labels;
  const sink: AuditSink = (event) => {
    events.add(1, { kind: event.kind });
    switch (event.kind) {
      case "query-answered":
        queries.add(1, of({ outcome: "answered" }, event.member));
        scored.add(event.passages);
        scoring.observe(event.ms / 1000);
        break;
      case "query-refused":
        queries.add(1, of({ outcome: event.code }, event.member));
        break;
      case "fetch-delivered":
        deliveries.add(1);
        delivered.add(event.passages);
        break;
      case "member-connected":
        connections.add(1);
        connected++;
        break;
      case "member-left":
        connected--;
        break;
      default:
        break;
    }
  };
  const observer: FrameObserver = ({ direction, type, bytes: size }) => {
    messages.add(1, { direction, type });
    bytes.add(size, { direction });
  };
  return { registry, sink, observer };
}
