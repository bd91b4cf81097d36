import { CapriseKey, deriveSeed, sodium } from "../../crypto/index.ts";
import type { CollectionKey, KeyringEntry } from "../keyring/index.ts";

/** What follows from one key of a collection. */
export class CollectionSecrets {
  /** 16 bytes; names the collection at its host. */
  readonly keyId: Uint8Array;
  /** 32 bytes each. */
  readonly passageKey: Uint8Array;
  readonly headerKey: Uint8Array;
  readonly rowIdKey: Uint8Array;
  readonly #capriseSecret: Uint8Array;

  constructor({ id, secret }: CollectionKey) {
    this.keyId = sodium.from_hex(id);
    const derive = (purpose: string): Uint8Array => deriveSeed(secret, `sotto collection ${purpose}`, this.keyId);
    this.passageKey = derive("passages");
    this.headerKey = derive("header");
    this.rowIdKey = derive("row ids");
    this.#capriseSecret = derive("vectors");
  }

  /** The key of the vectors; the caller disposes of it. */
  capriseKey({ encoder: { dim, normMax }, sealing: { scale, beta, rotation } }: KeyringEntry): CapriseKey {
    return new CapriseKey(this.#capriseSecret, { dim, normMax, scale, beta, rotation });
  }

  [Symbol.dispose](): void {
    for (const key of [this.passageKey, this.headerKey, this.rowIdKey, this.#capriseSecret]) sodium.memzero(key);
  }
}
