import { limits, unpackSigns } from "../../protocol/index.ts";
import { type EndToEndSession, unexpectedAnswer } from "../link/index.ts";

/** What a party answered about some entities. */
export interface EntityCodes {
  /** Length of a code. */
  readonly bits: number;
  /** In the order they were asked for; null for those that the party does not know. */
  readonly codes: readonly (Uint8Array | null)[];
  /** Entities that may still be asked for. */
  readonly left: number;
}

/**
 * Asks a party for the codes of entities, in as many requests as it takes.
 *
 * @param entities - At least one.
 * @throws Fault NO_CODES, NOT_CODE_READER, CODES_SPENT of the party; MESSAGE_INVALID; those of a session.
 */
export async function readCodes(session: EndToEndSession, entities: readonly string[]): Promise<EntityCodes> {
  const all: (Uint8Array | null)[] = [];
  let last = { bits: 0, left: 0 };
  for (let from = 0; from < entities.length; from += limits.codesPerRequestMax) {
    const page = entities.slice(from, from + limits.codesPerRequestMax);
    const answer = await session.ask({ type: "codes-read", entities: page }, "codes-list");
    const { bits, left, codes } = answer;
    const known = unpackSigns(answer.known, page.length);
    const bytes = Math.ceil(bits / 8);
    const count = known?.filter((sign) => sign > 0).length;
    if (!known || codes.length !== bytes * count! || (from > 0 && bits !== last.bits))
      throw unexpectedAnswer(session.party);
    let at = 0;
    for (const sign of known) all.push(sign > 0 ? codes.slice(bytes * at, bytes * ++at) : null);
    last = { bits, left };
  }
  return { ...last, codes: all };
}
