import { z } from "zod";
import { Fault, sodium } from "../../crypto/index.ts";
import { type Route, readJson, sendJson } from "../../integrations/http/index.ts";
import type { Session } from "../api.ts";

/** CODE_REFUSED: a link that was used before, or is of an earlier start. */
export type EntryFaultCode = "CODE_REFUSED";

const SECRET_BYTES = 32;
const CODE_LENGTH = 43;
const BODY_BYTES_MAX = 1024;

const codeBody = z.strictObject({ code: z.string().length(CODE_LENGTH) });

/**
 * How a browser is let in. The person gets a link with a single-use code in its fragment, which browsers send to nobody; the page exchanges it for the token of this run
 * and shows that with every request.
 *
 * The token is no cookie: cookies go to every port of a host, so whatever else listens on this machine and is visited in the same browser would be handed it. The page keeps
 * the token in its tab's sessionStorage, which belongs to one origin, port included, and sends it in a header, which no other page can.
 */
export class Entry {
  readonly token = secret();
  readonly #onUsed: (code: string) => void;
  #code = secret();

  /** @param onUsed - Called with the next code when one was used. */
  constructor(onUsed: (code: string) => void = () => undefined) {
    this.#onUsed = onUsed;
  }

  /** Works once. */
  get code(): string {
    return this.#code;
  }

  /** @returns The token. @throws Fault CODE_REFUSED. */
  redeem(code: string): string {
    if (code.length !== this.#code.length || !sodium.memcmp(Buffer.from(code), Buffer.from(this.#code)))
      throw new Fault<EntryFaultCode>(
        "CODE_REFUSED",
        "this link was used before, or is of an earlier start; take the newest one that `sotto console` has printed",
      );
    this.#code = secret();
    this.#onUsed(this.#code);
    return this.token;
  }

  /** Public: who comes has no token yet. */
  get route(): Route {
    return {
      method: "POST",
      path: "/api/session",
      isPublic: true,
      handle: async ({ request, response }) => {
        const { code } = await readJson(request, codeBody, BODY_BYTES_MAX);
        const session: Session = { token: this.redeem(code) };
        sendJson(response, session);
      },
    };
  }
}

function secret(): string {
  return sodium.to_base64(sodium.randombytes_buf(SECRET_BYTES), sodium.base64_variants.URLSAFE_NO_PADDING);
}
