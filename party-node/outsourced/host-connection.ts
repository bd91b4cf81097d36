import { CoordinatorLink, EndToEndSession } from "../link/index.ts";
import type { DialOptions, Federation } from "../../protocol/index.ts";

export interface HostConnectionOptions extends DialOptions {
  readonly federation: Federation;
  readonly coordinatorUrls: readonly string[];
  readonly host: string;
}

/** A member's way to one host, through the coordinator; opened when it is first needed, and again when it broke. */
export class HostConnection {
  readonly #options: HostConnectionOptions;
  readonly #link: CoordinatorLink;
  #session: EndToEndSession | null = null;
  #opening: Promise<EndToEndSession> | null = null;

  constructor(options: HostConnectionOptions) {
    this.#options = options;
    this.#link = new CoordinatorLink({ ...options, urls: options.coordinatorUrls });
  }

  /** @throws Fault CONNECTION_REFUSED, PARTY_OFFLINE, HANDSHAKE_FAILED and the like. */
  readonly session = async (): Promise<EndToEndSession> => {
    if (this.#session?.usable) return this.#session;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  };

  [Symbol.dispose](): void {
    this.#session?.close();
    this.#link.close();
  }

  async #open(): Promise<EndToEndSession> {
    const { host: party, identity, federation } = this.#options;
    await this.#link.open();
    this.#session = await EndToEndSession.open({ link: this.#link, party, identity, federation });
    return this.#session;
  }
}
