import { setImmediate as breathe } from "node:timers/promises";
import { type RoutingRequest, type EndToEndMessage, limits, routingRequests } from "../../protocol/index.ts";
import { sodium } from "../../crypto/index.ts";
import type { RequestHandler } from "../serving/index.ts";
import type { StoreSnapshot } from "../store/index.ts";
import type { CommonCoder } from "./common-coder.ts";
import { type Summary, summarise } from "./summary.ts";

/** Different codes behind every prototype: what is shown is never one passage's. */
const CODES_MIN = 5;
/** Rows that are looked at, about; of a larger collection those of blocks that lie evenly among all. Slots are given out at random, and so blocks are samples. */
const ROWS_MAX = 4096;
/** A collection that changes all the time is not summarised all the time. */
const AGE_MS_MIN = 60_000;

/** Where rows are read from; `PassageStore` is one. */
export interface SummarySource {
  changeCounter(): number;
  snapshot(): StoreSnapshot;
}

export interface SummaryServiceOptions {
  readonly source: SummarySource;
  readonly coder: CommonCoder;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

interface Published extends Summary {
  /** 16 bytes: another for another summary. */
  readonly version: Uint8Array;
}

/** Shows queriers a summary of the passages that this node serves, so that they can leave it out when it is unlikely to hold an answer. */
export class SummaryService implements RequestHandler<RoutingRequest> {
  readonly #options: SummaryServiceOptions;
  #published: { readonly summary: Promise<Published | null>; readonly counter: number; readonly at: number } | null =
    null;

  constructor(options: SummaryServiceOptions) {
    this.#options = options;
  }

  /** Makes the summary that the first querier would wait for. */
  async prepare(): Promise<void> {
    await this.#current();
  }

  handles(message: EndToEndMessage): message is RoutingRequest {
    return message.type in routingRequests;
  }

  async *respond(_member: string, _session: object, { id, known }: RoutingRequest): AsyncGenerator<EndToEndMessage> {
    const summary = await this.#current();
    if (!summary) {
      const reason = `it has fewer than ${String(CODES_MIN)} passages, and shows no summary of so few`;
      yield { type: "fault", id, code: "TOO_FEW_PASSAGES", reason };
      return;
    }
    const { version, prototypes, passages } = summary;
    const same = known.length === version.length && sodium.memcmp(known, version);
    yield {
      type: "route-prototypes",
      id,
      version,
      coder: this.#options.coder.id,
      prototypes: same ? new Uint8Array(0) : new Uint8Array(Buffer.concat(prototypes)),
      passages: same ? [] : [...passages],
    };
  }

  /** Made when it is first asked for, and again when it is asked for and the collection has changed. Null for a collection that is too small. */
  #current(): Promise<Published | null> {
    const { source, now } = this.#options;
    const counter = source.changeCounter();
    const made = this.#published;
    if (made && (made.counter === counter || now() - made.at < AGE_MS_MIN)) return made.summary;
    const summary = this.#make();
    summary.catch(() => (this.#published = null));
    this.#published = { summary, counter, at: now() };
    return summary;
  }

  async #make(): Promise<Published | null> {
    const { source, coder } = this.#options;
    const codes: Uint8Array[] = [];
    using snapshot = source.snapshot();
    const counts = [...snapshot.blockRevisions().keys()]
      .map((block) => ({ block, rows: snapshot.rowIdsOfBlock(block).length }))
      .filter(({ rows }) => rows > 0);
    const rowCount = counts.reduce((sum, { rows }) => sum + rows, 0);
    const stride = Math.max(1, rowCount / ROWS_MAX);
    for (let at = 0; at < counts.length; at += stride) {
      const vectors = snapshot.vectorsOfBlock(counts[Math.floor(at)]!.block);
      // A row without a direction is like no question.
      for (const { vector } of vectors) if (vector.some((entry) => entry !== 0)) codes.push(coder.coder.encode(vector));
      await breathe();
    }
    const { prototypes, passages } = await summarise(codes, {
      prototypesMax: limits.routingPrototypesMax,
      codesMin: CODES_MIN,
    });
    if (prototypes.length === 0) return null;
    const scaled = passages.map((count) => Math.max(1, Math.round((count * rowCount) / codes.length)));
    const bytes = Buffer.concat([coder.id, ...prototypes, Buffer.from(Float64Array.from(scaled).buffer)]);
    return { prototypes, passages: scaled, version: sodium.crypto_generichash(16, bytes, null) };
  }
}
