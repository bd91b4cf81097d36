import { Fault } from "../../crypto/index.ts";
import { type EndToEndSession, unexpectedAnswer } from "../../party-node/link/index.ts";
import {
  type EndToEndMessage,
  type TrainingRequest,
  limits,
  packFloats,
  packIndices,
  unpackFloats,
  unpackSigns,
} from "../../protocol/index.ts";
import type { PartySettings, PartyShape, SplitName, TrainingParty } from "./training-party.ts";
import { releasesSigns } from "./training-service.ts";

type Request = TrainingRequest extends infer Message ? (Message extends unknown ? Omit<Message, "id"> : never) : never;
type Answer<Type extends EndToEndMessage["type"]> = Promise<Extract<EndToEndMessage, { type: Type }>>;

/**
 * A party of a training run in another process, over an end-to-end session with it. What it gives and takes is what the party itself would, to the last
 * digit. Every method rejects with PARTY_LEFT once the session is over, whatever ended it.
 */
export class RemoteParty implements TrainingParty {
  readonly #session: EndToEndSession;
  #settings: PartySettings | null = null;

  /** @param session - Stays the caller's to close. */
  constructor(session: EndToEndSession) {
    this.#session = session;
  }

  get name(): string {
    return this.#session.party;
  }

  async shape(): Promise<PartyShape> {
    const { features, train, test } = await this.#ask({ type: "train-shape" }, "train-party");
    return { features, rows: { train, test } };
  }

  async begin(settings: PartySettings, epochsDone: number): Promise<void> {
    await this.#ask({ type: "train-begin", settings, epochsDone }, "train-done");
    this.#settings = settings;
  }

  /** @throws Fault LIMIT_EXCEEDED for a training batch of more rows than one message holds; without `training` they go in several. */
  async forward(split: SplitName, rows: Uint32Array, training: boolean): Promise<Float32Array> {
    const settings = this.#settings;
    if (!settings) throw new TypeError("forward before begin");
    const { trainingRowsMax } = limits;
    if (training && rows.length > trainingRowsMax)
      throw new Fault(
        "LIMIT_EXCEEDED",
        `a batch may have ${String(trainingRowsMax)} rows between processes; take a smaller one`,
      );
    const released = new Float32Array(rows.length * settings.bits);
    for (let start = 0; start < rows.length; start += trainingRowsMax) {
      const page = rows.subarray(start, start + trainingRowsMax);
      const message = { type: "train-forward", split, rows: packIndices(page), training } as const;
      released.set(await this.#released(message, page.length * settings.bits, settings), start * settings.bits);
    }
    return released;
  }

  async backward(gradient: Float32Array): Promise<void> {
    await this.#ask({ type: "train-backward", gradient: packFloats(gradient) }, "train-done");
  }

  async endEpoch(epochsDone: number): Promise<void> {
    await this.#ask({ type: "train-end-epoch", epochsDone }, "train-done");
  }

  async exportModel(run: string): Promise<void> {
    await this.#ask({ type: "train-export", run }, "train-done");
  }

  /** A party that answers with anything but so many entries of the kind agreed on is refused. */
  async #released(message: Request, length: number, settings: PartySettings): Promise<Float32Array> {
    const entries = releasesSigns(settings)
      ? unpackSigns((await this.#ask(message, "train-codes")).codes, length)
      : unpackFloats((await this.#ask(message, "train-floats")).values);
    if (entries?.length !== length || !entries.every(Number.isFinite)) throw unexpectedAnswer(this.name);
    return entries;
  }

  async #ask<Type extends EndToEndMessage["type"]>(message: Request, type: Type): Answer<Type> {
    try {
      return await this.#session.ask(message, type);
    } catch (error) {
      if (!(error instanceof Fault) || this.#session.usable) throw error;
      throw new Fault(
        "PARTY_LEFT",
        `${this.name} has left the training (${error.message}); when it is back, go on from the last checkpoint`,
        error,
      );
    }
  }
}
