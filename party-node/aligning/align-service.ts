import type { Logger } from "pino";
import { Fault, IntersectingParty, sodium } from "../../crypto/index.ts";
import {
  type AlignAnswer,
  type AlignRequest,
  type EndToEndMessage,
  type Federation,
  type Identity,
  alignRequests,
  encodeValue,
  limits,
  unpackIndices,
} from "../../protocol/index.ts";
import type { RequestHandler } from "../serving/request-handler.ts";
import { type Circle, openInvitation, sealInvitation } from "./invitation.ts";

/**
 * - NOT_ALIGNING: this party aligns nothing for the member that asks.
 * - ALIGNMENT_INVALID: the parties named are not this one and other parties of the federation, or too many ids.
 * - ALIGNMENT_ORDER: a request before its time, or once too often.
 */
export type AlignFaultCode = "NOT_ALIGNING" | "ALIGNMENT_INVALID" | "ALIGNMENT_ORDER";

export interface AlignServiceOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  /** Members who may ask for alignments, and then see sizes. */
  readonly helpers: ReadonlySet<string>;
  /** Reads this party's ids, at the beginning of every alignment. */
  readonly readIds: () => Promise<readonly string[]>;
  /** Keeps the common ids, in the order that all parties have. */
  readonly keep: (ids: readonly string[]) => void;
  readonly log: Logger;
}

interface Alignment {
  readonly party: IntersectingParty;
  readonly circle: Circle;
  /** Elements of others that may still come to be raised. */
  toRaise: number;
}

/** A party's side of alignments: ids go out only as group elements under its secret exponent, one alignment a session. */
export class AlignService implements RequestHandler<AlignRequest> {
  readonly #options: AlignServiceOptions;
  /** By session; null once its alignment has ended. */
  readonly #alignments = new WeakMap<object, Alignment | null>();

  constructor(options: AlignServiceOptions) {
    this.#options = options;
  }

  handles(message: EndToEndMessage): message is AlignRequest {
    return message.type in alignRequests;
  }

  async *respond(member: string, session: object, request: AlignRequest): AsyncGenerator<EndToEndMessage> {
    try {
      if (!this.#options.helpers.has(member))
        throw new Fault<AlignFaultCode>(
          "NOT_ALIGNING",
          `this party aligns nothing for ${member}; its operator allows it with \`sotto node --align-for ${member}\``,
        );
      yield await this.#answer(member, session, request);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      yield { type: "fault", id: request.id, code: error.code, reason: error.message };
    }
  }

  async #answer(member: string, session: object, request: AlignRequest): Promise<AlignAnswer> {
    const { id } = request;
    switch (request.type) {
      case "align-begin":
        return { type: "align-begun", id, ...(await this.#begin(session, request)) };
      case "align-blind":
        return { type: "align-points", id, points: this.#current(session).party.blind(request.from, request.count) };
      case "align-raise":
        return { type: "align-points", id, points: this.#raise(this.#current(session), request.points) };
      case "align-keep":
        this.#keep(member, session, request.positions);
        return { type: "align-kept", id };
    }
  }

  async #begin(
    session: object,
    { alignment, parties, invitation }: Extract<AlignRequest, { type: "align-begin" }>,
  ): Promise<Pick<Extract<AlignAnswer, { type: "align-begun" }>, "ids" | "invitations">> {
    if (this.#alignments.has(session)) throw outOfOrder("this session has had its alignment");
    const { identity, federation } = this.#options;
    // Byte strings of a message are views into what it came in.
    const circle = { alignment: alignment.slice(), parties };
    checkParties(circle, identity.name, federation);
    const isFirst = parties[0] === identity.name;
    const secret = isFirst ? sodium.randombytes_buf(32) : openInvitation(invitation, circle, this.#options);
    this.#alignments.set(session, null); // before anything waits: of two requests one begins
    const ids = await this.#readIds();
    if (ids.length > limits.alignIdsMax)
      throw new Fault<AlignFaultCode>(
        "ALIGNMENT_INVALID",
        `this party has ${ids.length} ids, and ${limits.alignIdsMax} are the most that can be aligned`,
      );
    const context = sodium.crypto_generichash(32, encodeValue([federation.id, circle.alignment, [...parties]]), null);
    const party = await IntersectingParty.create({ ids, secret, context });
    const invitations = (isFirst ? parties.slice(1) : []).map((recipient) => ({
      member: recipient,
      invitation: sealInvitation(secret, circle, { recipient, identity, federation }),
    }));
    sodium.memzero(secret);
    this.#alignments.set(session, { party, circle, toRaise: (parties.length - 1) * limits.alignIdsMax });
    return { ids: ids.length, invitations };
  }

  /** What is wrong with a file is for its operator to read, not for the helper. */
  async #readIds(): Promise<readonly string[]> {
    try {
      return await this.#options.readIds();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#options.log.warn({ code: error.code, reason: error.message }, "ids cannot be aligned");
      throw new Fault(error.code, "this party's ids cannot be read; its log says why", error);
    }
  }

  #raise(alignment: Alignment, points: Uint8Array): Uint8Array {
    const raised = alignment.party.raise(points);
    alignment.toRaise -= points.length / 32;
    if (alignment.toRaise < 0) throw outOfOrder("more ids came to be raised than parties can have");
    return raised;
  }

  #keep(member: string, session: object, positions: Uint8Array): void {
    const { party, circle } = this.#current(session);
    const common = party.pick(unpackIndices(positions));
    this.#alignments.set(session, null);
    const ids = party.size;
    party[Symbol.dispose]();
    this.#options.keep(common);
    this.#options.log.info(
      { helper: member, parties: circle.parties, ids, common: common.length },
      "aligned ids with other parties",
    );
  }

  #current(session: object): Alignment {
    const alignment = this.#alignments.get(session);
    if (!alignment) throw outOfOrder("this session has no alignment under way");
    return alignment;
  }
}

function checkParties({ parties }: Circle, own: string, { hasRole }: Federation): void {
  const isCircle =
    parties.includes(own) &&
    new Set(parties).size === parties.length &&
    parties.every((party) => hasRole(party, "party"));
  if (!isCircle)
    throw new Fault<AlignFaultCode>(
      "ALIGNMENT_INVALID",
      "an alignment is between this party and other parties of the federation, each named once",
    );
}

function outOfOrder(why: string): Fault {
  return new Fault<AlignFaultCode>("ALIGNMENT_ORDER", `${why}; start the alignment again`);
}
