import { Fault } from "../crypto/index.ts";
import type { LocalFederation } from "../cli/local-federation.ts";
import type { CitedPassage, SottoClient } from "../party-node/asking/index.ts";

/** Passages of a question. */
export const K = 10;

/** One whole question: ranked, passages fetched. */
export interface Asked {
  readonly totalMs: number;
  /** Payload of the querier's messages to and from the coordinator. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly passages: readonly CitedPassage[];
  /** Code of what a party did wrong, or did not do; null when all was well. */
  readonly fault: string | null;
}

interface Traffic {
  up: number;
  down: number;
}

/** A querier in this process, and what it sends and receives. */
export class Querier {
  readonly #client: SottoClient;
  readonly #traffic: Traffic;
  #hintBytes = NaN;

  private constructor(client: SottoClient, traffic: Traffic) {
    this.#client = client;
    this.#traffic = traffic;
  }

  /** In the federation started last; returns when the hints of every party are there. */
  static async connect(federation: LocalFederation, signal: AbortSignal): Promise<Querier> {
    const traffic = { up: 0, down: 0 };
    const client = await federation.connect(({ direction, bytes }) => {
      traffic[direction === "out" ? "up" : "down"] += bytes;
    });
    const querier = new Querier(client, traffic);
    try {
      // Reading the first answer takes the hints of every party; the second answer is as long as the first.
      await querier.ask(0, signal);
      const before = traffic.down;
      const { bytesDown } = await querier.ask(0, signal);
      querier.#hintBytes = before - bytesDown;
      return querier;
    } catch (error) {
      querier[Symbol.dispose]();
      throw error;
    }
  }

  /** What came down besides answers when it connected: the hints, and a little around them. */
  get hintBytes(): number {
    return this.#hintBytes;
  }

  /**
   * Asks with a query key ready; making it is not counted.
   *
   * @param number - Of the question, see `precomputedEncoder`.
   * @param tolerant - Whether a party's fault is told in the result instead of thrown.
   * @throws Fault PARTY_FAILED when a party did not answer, or not with all it was asked for.
   */
  async ask(number: number, signal: AbortSignal, { tolerant = false } = {}): Promise<Asked> {
    await this.#client.warm();
    const before = { ...this.#traffic };
    const { passages, parties, timingsMs } = await this.#client.query(String(number), { k: K, signal }).result;
    const failed = parties.find(({ fault }) => fault);
    if (failed && !tolerant)
      throw new Fault(
        "PARTY_FAILED",
        `${failed.party} failed during the benchmark (${failed.fault?.code ?? ""}); its figures would be worth nothing`,
      );
    // Keys for the next question are made before anybody else is measured.
    await this.#client.warm();
    return {
      totalMs: timingsMs.total,
      bytesUp: this.#traffic.up - before.up,
      bytesDown: this.#traffic.down - before.down,
      passages,
      fault: failed?.fault?.code ?? null,
    };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
