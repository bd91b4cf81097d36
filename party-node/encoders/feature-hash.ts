import sodium from "libsodium-wrappers";

/** The 16-byte SipHash key: public and fixed, for every party must hash alike. Not a secret. */
const PUBLIC_KEY = new TextEncoder().encode("sotto-lexical-01");
const CACHE_MAX = 500_000;

/** Where a term goes in a hashed vector, and whether it is added or subtracted. */
export interface HashedTerm {
  /** 0 .. dim-1. */
  readonly bucket: number;
  readonly sign: 1 | -1;
}

/**
 * Signed feature hashing (Weinberger et al., ICML 2009): colliding terms cancel on average, so inner products are unbiased.
 *
 * The hash is SipHash-2-4 of the term's UTF-8 bytes; its low 32 bits modulo dim give the bucket, its highest bit the sign.
 *
 * @param dim - Buckets, 1..2^16.
 * @returns A hash function that remembers the terms it has seen, up to a limit.
 */
export async function featureHash(dim: number): Promise<(term: string) => HashedTerm> {
  await sodium.ready;
  const cache = new Map<string, HashedTerm>();
  return (term) => {
    let hashed = cache.get(term);
    if (!hashed) {
      const digest = sodium.crypto_shorthash(term, PUBLIC_KEY);
      const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
      hashed = { bucket: view.getUint32(0, true) % dim, sign: view.getUint8(7) < 128 ? 1 : -1 };
      if (cache.size >= CACHE_MAX) cache.clear();
      cache.set(term, hashed);
    }
    return hashed;
  };
}
