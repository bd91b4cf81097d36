import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { startTracing } from "../../operation/tracing/index.ts";
import { TestFederation } from "../support/federation.ts";

const PLANTED = "quillfeather marmoset";

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** As OTLP/JSON has it. */
interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}

/** A collector that keeps what it is sent. */
class Collector implements AsyncDisposable {
  readonly #server: Server;
  readonly bodies: string[] = [];
  readonly paths = new Set<string>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.paths.add(request.url ?? "");
      void text(request).then((body) => {
        this.bodies.push(body);
        response.setHeader("content-type", "application/json").end("{}");
      });
    });
  }

  static async open(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`);
  }

  get spans(): SentSpan[] {
    return this.bodies.flatMap((body) => {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: readonly { scopeSpans: readonly { spans: readonly SentSpan[] }[] }[];
      };
      return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let collector: Collector;
const problems: string[] = [];

/** Two questions: one of both parties, then one while a party is away. */
beforeAll(async () => {
  collector = await Collector.open();
  const tracing = await startTracing({
    url: collector.url,
    service: "sotto-party",
    member: "alpha",
    version: "0",
    onProblem: (what) => problems.push(what),
  });
  const corpora = {
    alpha: { plan: `${PLANTED} in spring`, more: `${PLANTED} in autumn` },
    beta: { note: "something else" },
  };
  const federation = await TestFederation.start({ corpora });
  const client = await federation.client("asker");
  await client.query(PLANTED, { k: 2 }).result;
  await federation.party("beta").stop();
  await client.query(PLANTED, { k: 2 }).result;
  client.close();
  await federation[Symbol.asyncDispose]();
  await tracing[Symbol.asyncDispose]();
});

afterAll(() => collector[Symbol.asyncDispose]());

const ours = (): SentSpan[] => collector.spans.filter(({ name }) => name.startsWith("sotto "));
const traces = (): SentSpan[][] => [...Map.groupBy(ours(), ({ traceId }) => traceId).values()];

describe("a question's spans", () => {
  test("are one trace over querier, coordinator and parties", () => {
    const [both] = traces();
    expect(both!.map(({ name }) => name).toSorted()).toEqual([
      "sotto answer",
      "sotto answer",
      "sotto ask",
      "sotto deliver",
      "sotto deliver",
      "sotto fetch",
      "sotto fetch",
      "sotto route",
      "sotto score",
      "sotto score",
    ]);
    expect(new Set(both!.map(({ parentSpanId }) => parentSpanId)).size).toBe(1);
    expect(collector.paths).toEqual(new Set(["/v1/traces"]));
    expect(problems).toEqual([]);
  });

  test("say which party did not answer, and why", () => {
    const [, second] = traces();
    const failed = second!.filter(({ status }) => status.code === 2);
    expect(failed.map(({ name }) => name)).toEqual(["sotto answer"]);
    expect(valuesOf(failed[0]!)).toMatchObject({ "sotto.party": "beta", "error.type": "PARTY_OFFLINE" });
    expect(traces()).toHaveLength(2);
  });

  test("say nothing of the question, of passages, or of whose passages were wanted", () => {
    const sent = collector.bodies.join("");
    for (const word of PLANTED.split(" ")) expect(sent).not.toContain(word);
    for (const name of ["sotto fetch", "sotto deliver"]) {
      const kinds = traces()[0]!
        .filter((span) => span.name === name)
        .map((span) => {
          const { "sotto.party": _, ...rest } = valuesOf(span);
          return JSON.stringify(rest);
        });
      expect([name, kinds.length, new Set(kinds).size]).toEqual([name, 2, 1]);
    }
  });
});

function valuesOf({ attributes }: SentSpan): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
