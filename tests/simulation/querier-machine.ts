import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../crypto/index.ts";
import { HintCache, type QueryOptions, type QueryResult, SottoClient } from "../../party-node/asking/index.ts";
import type { Federation } from "../../protocol/index.ts";
import { Machine } from "./machine.ts";
import { chanceEncoder } from "./texts.ts";
import { type Host, virtualTime } from "./virtual-time.ts";

/** What comes of dialling in vain, before the next attempt. */
const RETRY_MS = 1000;

export interface Question {
  readonly number: number;
  readonly text: string;
  readonly k: number;
  readonly deadlineMs: number;
  readonly keepDuplicates: boolean;
  /** After how long it is cancelled; null for never. */
  readonly cancelAfterMs: number | null;
}

/** A question that has been asked, and what came of it. */
export interface Asked {
  readonly question: Question;
  readonly host: Host;
  readonly askedAt: number;
  endedAt: number | null;
  cancelledAt: number | null;
  result: QueryResult | null;
  fault: Fault | null;
}

export class QuerierMachine extends Machine {
  #client: SottoClient | null = null;
  /** Whose process tries until it has reached the federation; null when it is to end. */
  #connecting: Host | null = null;

  /** Whether its process has reached the federation at least once. */
  get isConnected(): boolean {
    return this.#client !== null;
  }

  /** @param onEnd - Called when it ends, which it does not where the process dies. Null when there is nobody to ask it. */
  ask(question: Question, onEnd: (asked: Asked) => void): Asked | null {
    const host = this.host;
    const client = this.#client;
    if (!client || !host?.alive) return null;
    const asked: Asked = {
      question,
      host,
      askedAt: virtualTime.now,
      endedAt: null,
      cancelledAt: null,
      result: null,
      fault: null,
    };
    host.run(() => {
      void this.#run(client, asked).then(() => {
        asked.endedAt = virtualTime.now;
        onEnd(asked);
      });
    });
    return asked;
  }

  async #run(client: SottoClient, asked: Asked): Promise<void> {
    const { text, k, deadlineMs, keepDuplicates, cancelAfterMs } = asked.question;
    const options: QueryOptions = { k, deadlineMs, keepDuplicates };
    const abort = new AbortController();
    const timer =
      cancelAfterMs === null
        ? null
        : setTimeout(() => {
            asked.cancelledAt = virtualTime.now;
            abort.abort();
          }, cancelAfterMs);
    try {
      asked.result = await client.query(text, { ...options, signal: abort.signal }).result;
    } catch (error) {
      if (!(error instanceof Fault))
        this.around.record.violated("crash", `question ${asked.question.number} failed with ${String(error)}`);
      else asked.fault = error;
    } finally {
      if (timer) clearTimeout(timer);
    }
  }

  protected run(host: Host, federation: Federation): void {
    this.#connecting = host;
    void this.#connect(host, federation);
  }

  async #connect(host: Host, federation: Federation): Promise<void> {
    while (this.#connecting === host) {
      try {
        this.#client = await SottoClient.connect({
          identity: this.identity,
          federation,
          encoder: chanceEncoder,
          hintCache: new HintCache(join(this.folder, "hints")),
          connect: this.around.network.connector(host),
        });
        this.around.record.note(`connected ${this.name}`);
        return;
      } catch (error) {
        if (!(error instanceof Fault)) {
          this.around.record.violated("crash", `${this.name} failed to connect: ${String(error)}`);
          return;
        }
        this.around.record.note(`not connected ${this.name} ${error.code}`);
      }
      await sleep(RETRY_MS);
    }
  }

  protected close(): Promise<void> {
    this.#connecting = null;
    this.#client?.close();
    return Promise.resolve();
  }

  protected release(): () => void {
    this.#client = null;
    return () => undefined;
  }
}
