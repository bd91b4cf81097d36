import { z } from "zod";
import { MODULUS, type RingLayout, WasmKernels, sodium } from "../../../crypto/index.ts";
import { RlweAsker } from "../../../crypto/secret/index.ts";
import type { SottoClient } from "../../../party-node/asking/client.ts";
import type { Encoder } from "../../../party-node/encoders/index.ts";
import {
  type HopMessage,
  answerBody,
  decodeValue,
  encodeValue,
  openSigned,
  queryBody,
  scoreList,
  seal,
} from "../../../protocol/index.ts";
import { FederationInProcess, until } from "../../federation/federation-in-process.ts";
import { LyingCoordinator } from "../../federation/lying-coordinator.ts";
import { lyingParty } from "../../federation/lying-party.ts";
import { type ForgedQuery, type Query, type Shown, type Stage, corpusOf } from "./stage.ts";

const queryEnvelope = z.strictObject({ signer: z.string(), payload: z.unknown(), signature: z.unknown() });

/** Far more than an honest answer on a busy machine takes. */
const PATIENCE_MS = 20_000;

/** The stage on which the product plays: real sockets, stores, keys and signatures, with `private` questions. */
export class PrivateStage implements Stage {
  relay: Stage["relay"] = (message) => [message];
  reply: Stage["reply"] = (truth) => truth;
  inflates = false;
  readonly arrived: { from: string; message: HopMessage }[] = [];
  readonly #federation: FederationInProcess;
  readonly #coordinator: () => LyingCoordinator;
  readonly #close: (() => Promise<void>)[] = [];
  #client: SottoClient | null = null;

  private constructor(federation: FederationInProcess, coordinator: () => LyingCoordinator) {
    this.#federation = federation;
    this.#coordinator = coordinator;
  }

  static async open(encoder: Encoder): Promise<PrivateStage> {
    const made: { stage: PrivateStage | null; coordinator: LyingCoordinator | null } = {
      stage: null,
      coordinator: null,
    };
    const federation = await FederationInProcess.start({
      encoder,
      corpora: { alpha: corpusOf("alpha"), beta: corpusOf("beta"), liar: corpusOf("liar") },
      absent: ["liar"],
      makeCoordinator: (options) =>
        (made.coordinator = new LyingCoordinator(options, {
          to: (message, member) => made.stage?.relay(message, member) ?? [message],
          from: (message, from) => void made.stage?.arrived.push({ from, message }),
        })),
    });
    const stage = (made.stage = new PrivateStage(federation, () => made.coordinator!));
    const leave = await lyingParty(federation, "liar", {
      reply: (truth) => (truth.type === "answer" ? stage.reply(truth) : truth),
      scores: (truth) => (stage.inflates ? { ...truth, scores: inflated(truth.scores, federation.layout) } : truth),
    });
    stage.#close.push(leave, () => federation[Symbol.asyncDispose]());
    return stage;
  }

  async ask(question: string, deadlineMs = PATIENCE_MS): Promise<Shown> {
    this.#client ??= await this.#federation.client();
    const from = this.arrived.length;
    const { passages, parties } = await this.#client.query(question, { deadlineMs }).result;
    const refused = this.arrived.slice(from).flatMap(({ message }) => (message.type === "refusal" ? message.code : []));
    return {
      passages: passages.map(({ party, text }) => `${party}: ${text}`),
      noticed: parties.flatMap(({ fault }) => {
        if (!fault) return [];
        return `${refused.includes(fault.code) ? "the party" : "the querier"}: ${fault.code}`;
      }),
    };
  }

  async forge({ name, key, ageMs = 0 }: ForgedQuery): Promise<Query> {
    const { federation, layout, encoder } = this.#federation;
    const asker = new RlweAsker(layout, { poolSize: 0 });
    const { query, secrets } = await asker.ask(new Float32Array(encoder.dim).fill(0.9 / Math.sqrt(encoder.dim)));
    secrets[Symbol.dispose]();
    asker.close();
    const secretKey =
      federation.publicKeyOf(key) === null
        ? sodium.crypto_sign_keypair().privateKey
        : this.#federation.identity(key).secretKey;
    const queryId = sodium.randombytes_buf(16);
    const answerKey = sodium.crypto_box_keypair().publicKey;
    const value = { queryId, issuedAtMs: Date.now() - ageMs, answerKey, query };
    const body = seal("query", federation.id, value, { name, secretKey });
    return { type: "query", queryId, deadlineMs: PATIENCE_MS, parties: [], body };
  }

  async put(party: string, query: Query): Promise<HopMessage> {
    const from = this.arrived.length;
    this.#coordinator().send(party, query);
    const said = (): HopMessage | undefined =>
      this.arrived.slice(from).find((one) => one.from === party && isReply(one.message))?.message;
    await until(() => said() !== undefined);
    return said()!;
  }

  withAnswerKey(query: Query, publicKey: Uint8Array): Query {
    const { id, publicKeyOf } = this.#federation.federation;
    const { signer, value } = openSigned("query", id, queryBody, query.body, publicKeyOf);
    // The signature is of what was there before: nobody but the querier can make another.
    const { signature } = decodeValue(queryEnvelope, query.body);
    return {
      ...query,
      body: encodeValue({ signer, payload: encodeValue({ ...value, answerKey: publicKey }), signature }),
    };
  }

  canRead(answer: HopMessage, { publicKey, privateKey }: { publicKey: Uint8Array; privateKey: Uint8Array }): boolean {
    if (answer.type !== "answer") return false;
    const { id, publicKeyOf } = this.#federation.federation;
    const { value } = openSigned("answer", id, answerBody, answer.body, publicKeyOf);
    try {
      return decodeValue(scoreList, sodium.crypto_box_seal_open(value.sealed, publicKey, privateKey)).scores.length > 0;
    } catch {
      return false;
    }
  }

  async restart(party: string): Promise<void> {
    await this.#federation.party(party).stop();
    await this.#federation.party(party).start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#close.splice(0)) await close();
  }
}

function isReply({ type }: HopMessage): boolean {
  return type === "answer" || type === "refusal";
}

/** Every score larger by three tenths of all that a score can be: more than any honest one, and nothing wraps. */
function inflated(scores: Uint8Array, { rowsPerBlock, scoreBits, scoreBytesPerBlock }: RingLayout): Uint8Array {
  const kernels = new WasmKernels({ chunks: 1 });
  const count = (scores.length / scoreBytesPerBlock) * rowsPerBlock;
  const raised = kernels
    .unpackBits(scores, { count, bits: scoreBits })
    .map((residue) => (residue + Math.floor(0.3 * MODULUS)) % MODULUS);
  return kernels.packBits(raised, { stride: 1, count, bits: scoreBits });
}
