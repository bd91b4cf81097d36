import { Fault, hexOf } from "../../crypto/index.ts";
import type { AuditEvent } from "../../operation/audit/index.ts";
import type { EndToEndMessage } from "../../protocol/index.ts";
import { type HostedRequest, isHostedRequest } from "../hosting/index.ts";

type Hosted = Extract<AuditEvent, { kind: "hosted" }>;

/** Counts what one request of a session is answered with, for the audit log: how many and how large, never what. */
export class RequestTally {
  readonly #member: string;
  readonly #request: EndToEndMessage;
  #bytes = 0;
  /** Things in the answer: blocks, rows. */
  #items = 0;
  #passages = 0;
  #refusal: string | null = null;

  constructor(member: string, request: EndToEndMessage) {
    this.#member = member;
    this.#request = request;
  }

  /** One message of the answer. @param bytes - Of its encoding. */
  answered(message: EndToEndMessage, bytes: number): void {
    this.#bytes += bytes;
    if (message.type === "fault") this.#refusal = message.code;
    else if (message.type === "blocks") this.#items += message.blocks.length;
    else if (message.type === "passages") this.#items += this.#passages;
    else if (message.type === "host-rows") this.#items += rowCount(message.rows);
  }

  /** How many passages the answer will have: its padded message does not show it. */
  expectPassages(passages: number): void {
    this.#passages = passages;
  }

  /** The session ended over this request. */
  failed(error: unknown): void {
    this.#refusal = error instanceof Fault ? error.code : "INTERNAL";
  }

  /** What is said of the request once it is answered; null for what is no account of anything. */
  event(): AuditEvent | null {
    const [member, request, bytes] = [this.#member, this.#request, this.#bytes];
    if (this.#refusal !== null) return { kind: "request-refused", member, request: request.type, code: this.#refusal };
    if (isHostedRequest(request)) return this.#hosted(request);
    switch (request.type) {
      case "sync":
      case "describe":
        return { kind: "hints-given", member, blocks: this.#items, bytes };
      case "fetch":
        return { kind: "fetch-delivered", member, passages: this.#items, bytes };
      case "route-summary":
        return { kind: "summary-shown", member, bytes };
      case "codes-read":
        return { kind: "codes-asked", member, entities: request.entities.length, bytes };
      case "align-begin":
        return { kind: "alignment", member, act: "begin", ids: 0 };
      case "align-blind":
        return { kind: "alignment", member, act: "blind", ids: request.count };
      case "align-raise":
        return { kind: "alignment", member, act: "raise", ids: request.points.length / 32 };
      case "align-keep":
        return { kind: "alignment", member, act: "keep", ids: request.positions.length / 4 };
      default:
        return null;
    }
  }

  #hosted(request: HostedRequest): Hosted {
    const collection = request.type === "host-list" ? null : hexOf(request.collection);
    return { kind: "hosted", member: this.#member, act: actOf(request), collection, ...this.#traffic(request) };
  }

  /** Of a request that names rows those, of any other what is in the answer. */
  #traffic(request: HostedRequest): { readonly rows: number; readonly bytes: number } {
    if (request.type === "host-put") return { rows: rowCount(request.rows), bytes: request.rows.length };
    if (request.type === "host-remove") return { rows: request.rowIds.length / 16, bytes: request.rowIds.length };
    return { rows: this.#items, bytes: this.#bytes };
  }
}

function actOf({ type }: HostedRequest): Hosted["act"] {
  return type === "sync" || type === "describe" ? "hints" : (type.slice("host-".length) as Hosted["act"]);
}

/** The number of rows that packed rows begin with. */
function rowCount(packed: Uint8Array): number {
  return packed.length < 4 ? 0 : new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
}
