import { expect, test } from "@jest/globals";
import type { AuditEvent } from "../../operation/audit/index.ts";
import { MetricsRegistry, processMetrics, startMetricsServer } from "../../operation/metrics/index.ts";

const events: readonly AuditEvent[] = [
  { kind: "query-answered", member: "asker", passages: 40, bytes: 1000, ms: 15 },
  { kind: "query-answered", member: "asker", passages: 40, bytes: 1000, ms: 700 },
  { kind: "query-refused", member: "asker", code: "BUSY" },
  { kind: "query-refused", member: null, code: "SIGNATURE_INVALID" },
  { kind: "fetch-delivered", member: "asker", passages: 5, bytes: 32_768 },
  { kind: "member-connected", member: "asker" },
  { kind: "member-connected", member: "lab" },
  { kind: "member-left", member: "asker", code: "CONNECTION_LOST" },
];

function counted(withMembers: boolean): string {
  const { registry, sink, observer } = processMetrics({ withMembers });
  for (const event of events) sink(event);
  for (const [direction, bytes] of [
    ["in", 100],
    ["in", 11],
    ["out", 7],
  ] as const)
    observer({
      direction,
      bytes,
      type: "query",
      peer: "asker",
      message: { type: "cancel", queryId: new Uint8Array(16) },
      payload: new Uint8Array(0),
    });
  return registry.text();
}
/** The value behind a metric's name and labels. */
const valueOf = (text: string, metric: string): number =>
  Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${metric} `))
      ?.slice(metric.length + 1),
  );

test("metrics count what happened, in the format that Prometheus reads", () => {
  const text = counted(false);
  for (const [metric, value] of Object.entries({
    'sotto_queries_total{outcome="answered"}': 2,
    'sotto_queries_total{outcome="BUSY"}': 1,
    'sotto_queries_total{outcome="SIGNATURE_INVALID"}': 1,
    'sotto_events_total{kind="query-refused"}': 2,
    sotto_passages_scored_total: 80,
    sotto_deliveries_total: 1,
    sotto_passages_delivered_total: 5,
    sotto_connections_total: 2,
    sotto_connected_members: 1,
    'sotto_bytes_total{direction="in"}': 111,
    'sotto_messages_total{direction="in",type="query"}': 2,
    'sotto_scoring_seconds_bucket{le="0.01"}': 0,
    'sotto_scoring_seconds_bucket{le="0.02"}': 1,
    'sotto_scoring_seconds_bucket{le="1"}': 2,
    'sotto_scoring_seconds_bucket{le="+Inf"}': 2,
    sotto_scoring_seconds_sum: 0.715,
    sotto_scoring_seconds_count: 2,
  }))
    expect([metric, valueOf(text, metric)]).toEqual([metric, value]);
  const start = valueOf(text, "process_start_time_seconds");
  expect(Math.abs(start - Date.now() / 1000)).toBeLessThan(3600);
  // Every line is a comment or a sample, and every metric is described once before its samples.
  const lines = text.trimEnd().split("\n");
  for (const line of lines)
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/);
  const described = lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  expect(new Set(described).size).toBe(described.length);
});

test("no metric names a member unless it is asked to", () => {
  expect(counted(false)).not.toMatch(/asker|lab/);
  const named = counted(true);
  expect(valueOf(named, 'sotto_queries_total{outcome="answered",member="asker"}')).toBe(2);
  expect(valueOf(named, 'sotto_queries_total{outcome="SIGNATURE_INVALID",member="unknown"}')).toBe(1);
});

test("a label's quotes, backslashes and line ends are escaped, and a bare counter begins at 0", () => {
  const registry = new MetricsRegistry();
  registry.counter("a_total", "A.", { labelled: true }).add(2, { of: 'x"\\\ny' });
  registry.counter("b_total", "B.");
  expect(registry.text()).toBe(
    '# HELP a_total A.\n# TYPE a_total counter\na_total{of="x\\"\\\\\\ny"} 2\n# HELP b_total B.\n# TYPE b_total counter\nb_total 0\n',
  );
});

test("the port serves metrics and health to whoever reads, and nothing else", async () => {
  let healthy = false;
  const options = { registry: { text: () => "a_total 1\n" }, isHealthy: () => healthy, host: "127.0.0.1" };
  await using opened = new AsyncDisposableStack();
  const server = opened.adopt(await startMetricsServer({ ...options, port: 0 }), (one) => one.close());
  const get = async (path: string, method = "GET"): Promise<[number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${String(server.port)}${path}`, { method });
    return [answer.status, await answer.text()];
  };
  expect(await get("/metrics")).toEqual([200, "a_total 1\n"]);
  expect(await get("/healthz")).toEqual([503, "not serving\n"]);
  healthy = true;
  expect(await get("/healthz")).toEqual([200, "ok\n"]);
  expect(await get("/healthz", "HEAD")).toEqual([200, ""]);
  for (const path of ["/", "/audit", "/constructor", "/../node.key"]) expect((await get(path))[0]).toBe(404);
  expect((await get("/metrics", "POST"))[0]).toBe(405);
  await expect(startMetricsServer({ ...options, port: server.port })).rejects.toMatchObject({
    code: "METRICS_PORT_UNUSABLE",
  });
});
