import { Fault } from "../../crypto/index.ts";
import type { Federation, Identity, ProtocolFaultCode } from "../../protocol/index.ts";
import { type KeyringEntry, betaShare } from "../keyring/index.ts";
import type { EndToEndSession } from "../link/index.ts";
import {
  type CollectionAnswer,
  CollectionReader,
  type RankedPassage,
  type SeenSequences,
  grantedCollections,
} from "../outsourced/index.ts";
import { abortedFault, throwIfAborted } from "./aborted.ts";
import type { PartyOutcome } from "./result.ts";

export interface HostedSourcesOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly entries: readonly KeyringEntry[];
  readonly seen: SeenSequences;
  /** Opens or returns the session with a host. */
  readonly session: (host: string) => Promise<EndToEndSession>;
  /** Called with an entry whose owner has changed the key. */
  readonly onNewKey: (entry: KeyringEntry) => void;
}

/** A passage of a hosted collection, with where it came from. */
export interface HostedPassage extends RankedPassage {
  readonly entry: KeyringEntry;
}

/** The hosted collections that a member can read. Each is asked on its own; what goes wrong with one is its outcome, and the others go on. */
export class HostedSources {
  readonly #options: HostedSourcesOptions;
  /** By the entry's name. */
  readonly #readers = new Map<string, CollectionReader>();
  /** All readers, also those that a new key has replaced: questions may still be under way with them. */
  readonly #opened: CollectionReader[] = [];

  constructor(options: HostedSourcesOptions) {
    this.#options = options;
    for (const entry of options.entries) if (fits(entry, options.federation)) this.#open(entry);
  }

  /** Collections that are asked. */
  get count(): number {
    return this.#options.entries.length;
  }

  /** Learns the state of all collections; what cannot be reached now is reached for again by {@link ask}. */
  async prepare(): Promise<void> {
    await Promise.allSettled([...this.#readers.values()].map((reader) => reader.prepare()));
  }

  /** Resolves when the next question costs the least. */
  async warm(): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader.warm()));
  }

  /**
   * @param question - Unit vector, shape [dim]; not modified.
   * @param report - Called with each collection's outcome.
   * @returns The best k of every collection.
   * @throws Fault ABORTED.
   */
  async ask(
    question: Float32Array,
    {
      k,
      deadlineMs,
      signal,
    }: { readonly k: number; readonly deadlineMs: number; readonly signal: AbortSignal | undefined },
    report: (outcome: PartyOutcome) => void,
  ): Promise<HostedPassage[]> {
    const began = performance.now();
    const asked = this.#options.entries.map(async (given) => {
      const entry = this.#readers.get(given.name)?.entry ?? given;
      const outcome = outcomeOf(entry);
      try {
        checkEncoder(entry, this.#options.federation);
        const answer = await inTime(() => this.#askOne(given.name, question, { k, signal }), {
          deadlineMs,
          signal,
          host: entry.host,
        });
        const { passages, rowCount, candidates, missShare } = answer;
        const collection = { ...outcome.collection, candidates, missShare };
        report({ ...outcome, status: "answered", collection, passagesScored: rowCount, ms: performance.now() - began });
        return passages.map((passage) => ({ ...passage, entry }));
      } catch (error) {
        // A host may say ABORTED too; only the caller's own signal ends the whole question.
        if (!(error instanceof Fault) || signal?.aborted) throw error;
        const { code, message: reason } = error;
        report({ ...outcome, ms: performance.now() - began, fault: { code, reason } });
        return [];
      }
    });
    return (await Promise.all(asked)).flat();
  }

  close(): void {
    for (const reader of this.#opened.splice(0)) reader.close();
    this.#readers.clear();
  }

  async #askOne(
    name: string,
    question: Float32Array,
    { k, signal }: { readonly k: number; readonly signal: AbortSignal | undefined },
  ): Promise<CollectionAnswer> {
    const reader = this.#reader(name);
    try {
      return await reader.ask(question, k, signal);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "COLLECTION_UNKNOWN") throw error;
      if (this.#reader(name) === reader) await this.#takeNewKey(reader.entry, error);
      return this.#reader(name).ask(question, k, signal);
    }
  }

  /** The owner may have changed the key and granted the new one to this member. */
  async #takeNewKey(old: KeyringEntry, unknown: Fault): Promise<void> {
    const { session, onNewKey, seen } = this.#options;
    const { entries } = await grantedCollections(await session(old.host), this.#options);
    const entry = entries.find(
      // A key that was used before does not come back, except at a host that goes back to before it was changed.
      ({ name, owner, current }) =>
        name === old.name && owner === old.owner && current.id !== old.current.id && seen.get(current.id) === 0,
    );
    if (!entry) throw unknown;
    onNewKey(entry);
    this.#open(entry);
  }

  #open(entry: KeyringEntry): void {
    const { session, seen } = this.#options;
    const reader = new CollectionReader({ entry, seen, session: () => session(entry.host) });
    this.#opened.push(reader);
    this.#readers.set(entry.name, reader);
  }

  #reader(name: string): CollectionReader {
    const reader = this.#readers.get(name);
    if (!reader) throw new TypeError(`HostedSources: no collection ${name}, or closed`);
    return reader;
  }
}

function fits({ encoder }: KeyringEntry, { terms }: Federation): boolean {
  return encoder.fingerprint === terms.encoder.fingerprint && encoder.dim === terms.scoring.dim;
}

/** @throws Fault ENCODER_MISMATCH: scores of two encoders cannot be compared. */
function checkEncoder(entry: KeyringEntry, federation: Federation): void {
  if (fits(entry, federation)) return;
  throw new Fault<ProtocolFaultCode>(
    "ENCODER_MISMATCH",
    `it was made with another encoder than the federation's; its owner has to create it again, or you remove it here: sotto collection forget ${entry.name}`,
  );
}

function outcomeOf(entry: KeyringEntry) {
  const { name, owner, host, mode, sealing } = entry;
  const { epsilon } = sealing;
  const collection = { name, host, mode, beta: betaShare(entry), epsilon, candidates: 0, missShare: 0 };
  return { party: owner, collection, status: "missing", passagesScored: 0 } as const;
}

/** @param work - Not begun where the question was cancelled already. @throws Fault DEADLINE_EXCEEDED, ABORTED. */
async function inTime<Value>(
  work: () => Promise<Value>,
  { deadlineMs, signal, host }: { deadlineMs: number; signal: AbortSignal | undefined; host: string },
): Promise<Value> {
  throwIfAborted(signal);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Fault<ProtocolFaultCode>("DEADLINE_EXCEEDED", `${host} did not answer in time`));
  }, deadlineMs);
  const onAbort = (): void => {
    late.reject(abortedFault());
  };
  signal?.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
