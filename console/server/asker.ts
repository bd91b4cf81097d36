import { abortedFault, throwIfAborted } from "../../party-node/asking/aborted.ts";
import { type SottoClient, type Traffic, TrafficMeter } from "../../party-node/asking/index.ts";
import type { FrameObserver } from "../../protocol/index.ts";

/** Connects as this node; the observer is given every message. */
export type ConnectClient = (observer: FrameObserver) => Promise<SottoClient>;

/** The console's one connection, made when it is first needed, and questions over it one after the other, so that what each of them sends can be told apart. */
export class Asker {
  readonly #meter = new TrafficMeter();
  readonly #connect: ConnectClient;
  #client: Promise<SottoClient> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(connect: ConnectClient) {
    this.#connect = connect;
  }

  /** A connection that could not be made is tried again by the next call. @throws Fault as {@link SottoClient.connect}. */
  client(): Promise<SottoClient> {
    this.#client ??= this.#open();
    return this.#client;
  }

  /** Calls `run` when all that were given before have settled, unless it is stopped before that. @throws Fault ABORTED; as {@link client}, and what `run` throws. */
  async inTurn(signal: AbortSignal, run: (client: SottoClient) => Promise<void>): Promise<void> {
    const before = this.#last;
    const turn = Promise.withResolvers<undefined>();
    this.#last = turn.promise;
    try {
      await unlessAborted(before, signal);
      await run(await this.client());
    } finally {
      void before.then(() => {
        turn.resolve(undefined);
      });
    }
  }

  /** Measures until it is stopped, or disposed of. */
  measure(): { readonly stop: () => Traffic } & Disposable {
    const stop = this.#meter.start();
    return { stop, [Symbol.dispose]: () => void stop() };
  }

  close(): void {
    this.#isClosed = true;
    void this.#client?.then(
      (client) => {
        client.close();
      },
      () => undefined,
    );
  }

  async #open(): Promise<SottoClient> {
    try {
      const client = await this.#connect(this.#meter.observer);
      if (this.#isClosed) client.close();
      return client;
    } catch (error) {
      this.#client = null;
      throw error;
    }
  }
}

/** @throws Fault ABORTED. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => {
    stopped.reject(abortedFault());
  };
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
