import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { ReachedEndpoint } from "./endpoint.ts";
import { answerFault } from "./faults.ts";
import { answerLimits } from "./limits.ts";

declare const agreed: unique symbol;

/** An endpoint that may be sent questions and passages: {@link EndpointAgreements.require} alone makes one. */
export type AgreedEndpoint = ReachedEndpoint & { readonly [agreed]: true };

const fileSchema = z.strictObject({
  version: z.literal(1),
  /** Base address -> when a person agreed. */
  endpoints: z.record(z.string(), z.strictObject({ agreedAt: z.iso.datetime() })),
});

/**
 * The endpoints that a person has agreed may see questions and passages, in a file of the node's folder (mode 0600).
 *
 * An endpoint on this machine needs no agreement, since asking it shows nothing to anybody else.
 */
export class EndpointAgreements {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns When a person agreed; null if nobody has. @throws Fault AGREEMENTS_MALFORMED. */
  agreedAt({ base }: ReachedEndpoint): Date | null {
    const found = this.#read()[base];
    return found ? new Date(found.agreedAt) : null;
  }

  /** @throws Fault AGREEMENTS_MALFORMED. */
  isNeeded(endpoint: ReachedEndpoint): boolean {
    return !endpoint.isLoopback && this.agreedAt(endpoint) === null;
  }

  /** Keeps that a person has agreed. @throws Fault AGREEMENTS_MALFORMED. */
  remember({ base }: ReachedEndpoint, at: Date): void {
    const endpoints = { ...this.#read(), [base]: { agreedAt: at.toISOString() } };
    const unfinished = `${this.#path}.new`;
    rmSync(unfinished, { force: true }); // an old one would keep its mode
    writeFileSync(unfinished, `${JSON.stringify({ version: 1, endpoints }, null, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(unfinished, this.#path);
  }

  /**
   * @param agreedNow - Whether whoever asks has agreed for this one time.
   * @throws Fault ENDPOINT_NOT_AGREED, AGREEMENTS_MALFORMED.
   */
  require(endpoint: ReachedEndpoint, { agreedNow = false }: { readonly agreedNow?: boolean } = {}): AgreedEndpoint {
    if (!agreedNow && this.isNeeded(endpoint))
      throw answerFault(
        "ENDPOINT_NOT_AGREED",
        `${endpoint.base} would see the question and the passages, and nobody has agreed to that; agree at a terminal, or with --yes for this one time. Nothing was sent`,
      );
    return endpoint as AgreedEndpoint;
  }

  #read(): z.infer<typeof fileSchema>["endpoints"] {
    if (!existsSync(this.#path)) return {};
    try {
      if (statSync(this.#path).size > answerLimits.agreementsBytesMax) throw new RangeError("too large");
      return fileSchema.parse(JSON.parse(readFileSync(this.#path, "utf8"))).endpoints;
    } catch (cause) {
      throw answerFault(
        "AGREEMENTS_MALFORMED",
        `${this.#path} is not as this program wrote it; remove it, and you are asked again for each endpoint`,
        cause,
      );
    }
  }
}
