import { setImmediate } from "node:timers/promises";
import { deriveSeed, sodium } from "../../crypto/index.ts";
import { encoderInput } from "../../party-node/documents/index.ts";
import { type CorpusStatistics, type Encoder, openEncoder } from "../../party-node/encoders/index.ts";
import type { BeirDocument } from "../beir.ts";
import { type Matrix, matrixOf } from "../sealing/matrix.ts";
import { seededRandom } from "../seeded-random.ts";
import type { Effort, EvaluationSettings } from "./settings.ts";
import { type VictimText, loadVictim } from "./victim.ts";

export interface LabOptions {
  readonly settings: EvaluationSettings;
  /** Each attack has random numbers of its own. */
  readonly attack: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

const ENCODE_BATCH = 256;

/** What an attack works with. One for each attack; closed by who opened it. */
export class Lab implements AsyncDisposable {
  readonly settings: EvaluationSettings;
  readonly signal: AbortSignal;
  /** Repeatable numbers in [0, 1); every call goes on. */
  readonly random: () => number;
  readonly #onProgress: LabOptions["onProgress"];
  readonly #encoders = new Map<string, Promise<Encoder>>();
  #victim: Promise<VictimText> | null = null;

  constructor({ settings, attack, signal, onProgress }: LabOptions) {
    this.settings = settings;
    this.signal = signal;
    this.#onProgress = onProgress;
    const seed = deriveSeed(new Uint8Array(32), "sotto attack", sodium.from_string(`${settings.seed} ${attack}`));
    this.random = seededRandom(new DataView(seed.buffer, seed.byteOffset).getUint32(0));
  }

  /** What fits the time there is. */
  bySize<Value>(sizes: Readonly<Record<Effort, Value>>): Value {
    return sizes[this.settings.effort];
  }

  /** Parts done, of how many; also where a run can be stopped, so call it, or {@link pause}, at least twice a second. */
  async progress(done: number, total: number): Promise<void> {
    this.#onProgress(done, total);
    await this.pause();
  }

  /** Lets the process listen. @throws the signal's reason when the run was stopped. */
  async pause(): Promise<void> {
    await setImmediate();
    this.signal.throwIfAborted();
  }

  /** 32 bytes that a seed reproduces, for keys that nothing but this run depends on. */
  secret(): Uint8Array {
    return Uint8Array.from({ length: 32 }, () => Math.floor(this.random() * 256));
  }

  /** The collection that is attacked. @throws Fault FILE_MISSING, BAD_LINE. */
  victim(): Promise<VictimText> {
    return (this.#victim ??= loadVictim(this.settings));
  }

  /** @param spec - By default the first of the settings. @throws Fault of the encoder. */
  encoder(spec: string = this.settings.encoders[0]!): Promise<Encoder> {
    let opened = this.#encoders.get(spec);
    if (!opened) this.#encoders.set(spec, (opened = openEncoder(spec)));
    return opened;
  }

  /** Statistics as the holder of these documents has them; an attacker has those of its own text only. */
  statistics(encoder: Encoder, documents: readonly BeirDocument[]): CorpusStatistics {
    const statistics = encoder.statistics();
    for (const document of documents) statistics.add(encoderInput(document));
    return statistics;
  }

  /** @returns Shape [documents][dim], as an ingest would store them. */
  async encode(
    encoder: Encoder,
    documents: readonly BeirDocument[],
    statistics: CorpusStatistics = this.statistics(encoder, documents),
  ): Promise<Matrix> {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < documents.length; at += ENCODE_BATCH) {
      await this.pause();
      const texts = documents.slice(at, at + ENCODE_BATCH).map(encoderInput);
      vectors.push(...(await encoder.encodePassages(texts, statistics)));
    }
    return matrixOf(vectors, encoder.dim);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const encoder of this.#encoders.values()) await (await encoder.catch(() => null))?.close();
  }
}
