import { type Attributes, SpanKind, SpanStatusCode, TraceFlags, context, trace } from "@opentelemetry/api";
import { sodium, hexOf } from "../../crypto/index.ts";

/** What is done for a query, by whom: the querier's `ask`, its wait for each party's `answer`, and each `fetch`; the coordinator's `route`; a party's `score` and `deliver`. */
export type QuerySpanName = "ask" | "answer" | "fetch" | "route" | "score" | "deliver";

/** What a span may say: who and how much; never what was asked, found or scored, nor which party's passages were wanted, for collectors may be shared. */
export interface QuerySpanAttributes {
  readonly party?: string;
  /** Parties that were asked. */
  readonly parties?: number;
  /** Passages that were scored. */
  readonly passages?: number;
  readonly bytes?: number;
}

/** A part of a query's path; disposing of it ends it. */
export interface QuerySpan extends Disposable {
  set(attributes: QuerySpanAttributes): void;
  /** @param code - Of the fault or refusal; its words stay where they are. */
  failed(code: string): void;
}

const IDS = new TextEncoder().encode("sotto trace");
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/**
 * Begins a span of the query's trace. Costs next to nothing where nobody records spans.
 *
 * The ids of the trace and of the span at its root are BLAKE2b-192 of the query's id, which everybody on its path knows: what each of them records of a query
 * is one trace for whoever sees all of it, and no message is longer for it or says whether anybody records.
 */
export function querySpan(name: QuerySpanName, queryId: Uint8Array, attributes: QuerySpanAttributes = {}): QuerySpan {
  const around = trace.getActiveSpan()?.spanContext();
  const span = trace
    .getTracer("sotto")
    .startSpan(
      `sotto ${name}`,
      { kind: SpanKind.INTERNAL, attributes: named(attributes), links: around ? [{ context: around }] : [] },
      trace.setSpanContext(context.active(), rootOf(queryId)),
    );
  return {
    set: (more) => void span.setAttributes(named(more)),
    failed: (code) => {
      span.setAttribute("error.type", code);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    [Symbol.dispose]: () => {
      span.end();
    },
  };
}

function rootOf(queryId: Uint8Array): Parameters<typeof trace.setSpanContext>[1] {
  const ids = sodium.crypto_generichash(TRACE_ID_BYTES + SPAN_ID_BYTES, queryId, IDS);
  return {
    traceId: hexOf(ids.subarray(0, TRACE_ID_BYTES)),
    spanId: hexOf(ids.subarray(TRACE_ID_BYTES)),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
}

function named(attributes: QuerySpanAttributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`sotto.${name}`, value as unknown]) as [
      string,
      string | number,
    ][],
  );
}
