import type { Logger } from "pino";
import { Fault } from "../../crypto/index.ts";
import {
  type EndToEndMessage,
  type TrainingAnswer,
  type TrainingRequest,
  packFloats,
  packSigns,
  trainingRequests,
  unpackFloats,
  limits,
  unpackIndices,
} from "../../protocol/index.ts";
import type { RequestHandler } from "../../party-node/serving/index.ts";
import type { PartySettings, PartyShape, TrainingParty } from "./training-party.ts";

export type TrainingServiceFaultCode =
  | "NOT_TRAINER"
  | "BUSY"
  | "RUN_BEGUN"
  | "RUN_NOT_BEGUN"
  | "LIMIT_EXCEEDED"
  | "EPOCH_INVALID"
  | "ROWS_INVALID"
  | "GRADIENT_INVALID"
  | "TRAINING_DIVERGED";

export interface TrainingServiceOptions {
  /** What is trained here. */
  readonly party: TrainingParty;
  /** The one member whose requests are answered. */
  readonly trainer: string;
  readonly log: Logger;
}

/** The run that this party is in, and who leads it. */
interface Run {
  readonly session: object;
  readonly settings: PartySettings;
  epochsDone: number;
  /** Entries of the gradient that may come next; null where none was released for it. */
  gradientLength: number | null;
}

/** What a party of a federation answers its trainer. Requests are checked before the party hears of them; a bad one changes nothing. */
export class TrainingService implements RequestHandler<TrainingRequest> {
  readonly #options: TrainingServiceOptions;
  /** Runs that each session has begun. */
  readonly #begun = new WeakMap<object, Set<string>>();
  /** Runs of all sessions. */
  readonly #runs = new Set<string>();
  #shape: PartyShape | null = null;
  #run: Run | null = null;
  #busy = false;

  constructor(options: TrainingServiceOptions) {
    this.#options = options;
  }

  handles(message: EndToEndMessage): message is TrainingRequest {
    return message.type in trainingRequests;
  }

  async *respond(member: string, session: object, request: TrainingRequest): AsyncGenerator<EndToEndMessage> {
    yield await this.#answerOrFault(member, session, request);
  }

  async #answerOrFault(member: string, session: object, request: TrainingRequest): Promise<EndToEndMessage> {
    const { id } = request;
    if (member !== this.#options.trainer)
      return { type: "fault", id, ...refusal("NOT_TRAINER", "this party is trained by another member") };
    if (this.#busy) return { type: "fault", id, ...refusal("BUSY", "this party is at another request") };
    this.#busy = true;
    try {
      return await this.#answer(session, request);
    } catch (error) {
      if (error instanceof Refusal) return { type: "fault", id, ...refusal(error.code, error.message) };
      if (error instanceof Fault) return { type: "fault", id, ...this.#failure(error) };
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  async #answer(session: object, request: TrainingRequest): Promise<TrainingAnswer> {
    const { id } = request;
    const { party } = this.#options;
    switch (request.type) {
      case "train-shape": {
        const { features, rows } = await this.#ownShape();
        return { type: "train-party", id, features, ...rows };
      }
      case "train-begin":
        await this.#begin(session, request);
        break;
      case "train-forward":
        return this.#forward(this.#runOf(session), request);
      case "train-backward":
        await this.#backward(this.#runOf(session), unpackFloats(request.gradient));
        break;
      case "train-end-epoch":
        await this.#endEpoch(this.#runOf(session), request.epochsDone);
        break;
      case "train-export":
        await party.exportModel(request.run);
    }
    return { type: "train-done", id };
  }

  async #begin(
    session: object,
    { settings, epochsDone }: Extract<TrainingRequest, { type: "train-begin" }>,
  ): Promise<void> {
    const begun = this.#begun.get(session) ?? new Set();
    if (begun.has(settings.run))
      throw new Refusal("RUN_BEGUN", "this run has begun in this session; open another to go back to a checkpoint");
    await this.#refuseLarge(settings);
    this.#run = null;
    this.#runs.add(settings.run);
    await this.#options.party.begin(settings, epochsDone);
    this.#begun.set(session, begun.add(settings.run));
    this.#run = { session, settings, epochsDone, gradientLength: null };
  }

  /** Memory and disk are this party's, not the trainer's. */
  async #refuseLarge({ run, bits, hidden }: PartySettings): Promise<void> {
    const { features } = await this.#ownShape();
    const widths = [features, ...hidden, bits];
    const weights = widths.slice(1).reduce((sum, width, i) => sum + (widths[i]! + 1) * width, 0);
    if (weights > limits.trainingWeightsMax)
      throw new Refusal("LIMIT_EXCEEDED", `a model here may have ${String(limits.trainingWeightsMax)} weights`);
    if (!this.#runs.has(run) && this.#runs.size >= limits.trainingRunsMax)
      throw new Refusal("LIMIT_EXCEEDED", `this party keeps models of ${String(limits.trainingRunsMax)} runs`);
  }

  async #forward(
    run: Run,
    { id, split, rows: packed, training }: Extract<TrainingRequest, { type: "train-forward" }>,
  ): Promise<TrainingAnswer> {
    const rows = unpackIndices(packed);
    const { rows: counts } = await this.#ownShape();
    if (rows.length === 0 || rows.some((row) => row >= counts[split]))
      throw new Refusal("ROWS_INVALID", `the rows must be some of the ${String(counts[split])} of split ${split}`);
    const released = await this.#options.party.forward(split, rows, training);
    if (!released.every(Number.isFinite))
      throw new Refusal(
        "TRAINING_DIVERGED",
        "the bottom model gives numbers that are not finite; use a lower learning rate",
      );
    if (training) run.gradientLength = released.length;
    return releasesSigns(run.settings)
      ? { type: "train-codes", id, codes: packSigns(released) }
      : { type: "train-floats", id, values: packFloats(released) };
  }

  async #backward(run: Run, gradient: Float32Array): Promise<void> {
    const { gradientLength } = run;
    if (gradientLength === null)
      throw new Refusal("GRADIENT_INVALID", "nothing was released in training since the last gradient");
    if (gradient.length !== gradientLength || !gradient.every(Number.isFinite))
      throw new Refusal(
        "GRADIENT_INVALID",
        `the gradient must be ${String(gradientLength)} finite numbers and is ${String(gradient.length)}, or not all are finite`,
      );
    run.gradientLength = null;
    await this.#options.party.backward(gradient);
  }

  async #endEpoch(run: Run, epochsDone: number): Promise<void> {
    if (epochsDone !== run.epochsDone + 1)
      throw new Refusal("EPOCH_INVALID", `the epoch that ends must be number ${String(run.epochsDone + 1)}`);
    await this.#options.party.endEpoch(epochsDone);
    run.epochsDone = epochsDone;
  }

  /** The run that this session leads; whoever began last leads. */
  #runOf(session: object): Run {
    if (this.#run?.session === session) return this.#run;
    throw new Refusal("RUN_NOT_BEGUN", "this session leads no run, or another has begun one since");
  }

  async #ownShape(): Promise<PartyShape> {
    return (this.#shape ??= await this.#options.party.shape());
  }

  /** A failure of the party itself: its words may name files of this machine, and stay here. */
  #failure({ code, message }: Fault): { readonly code: string; readonly reason: string } {
    this.#options.log.warn({ code, reason: message }, "a request of the trainer failed");
    const reason =
      code === "CHECKPOINT_MISSING"
        ? "it has no checkpoint of this run after so many epochs"
        : "it could not do it; its operator finds out more in its log";
    return { code, reason };
  }
}

/** Whether what is released are bare signs, which travel as bits. */
export function releasesSigns({ release, laplaceEpsilon }: PartySettings): boolean {
  return release === "codes" && laplaceEpsilon === null;
}

/** What this service itself refuses, in words that may leave. */
class Refusal extends Fault<TrainingServiceFaultCode> {}

function refusal(code: string, reason: string): { readonly code: string; readonly reason: string } {
  return { code, reason };
}
