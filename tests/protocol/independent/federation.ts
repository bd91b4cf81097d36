import { ed25519 } from "@noble/curves/ed25519.js";
import { type Value, encode } from "./cbor.ts";
import { hash, sign, verify } from "./primitives.ts";

/* docs/protocol.md, "Federation file". */

export interface Action {
  readonly type: string;
  readonly name: string;
  readonly publicKey?: string;
  readonly roles?: readonly string[];
  readonly expires?: string;
}

export interface Entry {
  readonly sequence?: number;
  readonly previous: string;
  readonly time: string;
  readonly action: Action;
}

export type Change = Entry & { readonly sequence: number; readonly signature: string };
export type Claim = Entry & { readonly entitled: string; readonly own: string };

export interface FederationFile {
  readonly founding: {
    readonly rootPublicKey: string;
    readonly scoring: { dim: number; chunk: number; normMax: number; scoreBits: number; seed: string };
  };
  readonly signature: string;
  readonly changes: readonly Change[];
  readonly claims: readonly Claim[];
}

export interface Member {
  readonly name: string;
  readonly roles: readonly string[];
  readonly publicKey: string;
}

export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const bytesOf = (content: unknown): Uint8Array => encode(content as Value);
export const hashOf = (content: unknown): string => toBase64(hash(256, bytesOf(content)));
export const contentOf = ({ sequence, previous, time, action }: Entry): Entry =>
  sequence === undefined ? { previous, time, action } : { sequence, previous, time, action };

export function signedBy(seed: Uint8Array, purpose: string, federationId: Uint8Array, content: unknown): string {
  return toBase64(sign(purpose, federationId, bytesOf(content), seed));
}

export const publicKey = (seed: Uint8Array): string => toBase64(ed25519.getPublicKey(seed));

/** Checks all entries, and says who is a member then. */
export function readMembers(file: FederationFile, rootPublicKey: string): Member[] {
  const { founding, changes, claims } = file;
  const root = fromBase64(rootPublicKey);
  const id = hash(256, root);
  const holds = (purpose: string, content: unknown, signature: string, key: Uint8Array): void => {
    if (!verify(purpose, id, bytesOf(content), fromBase64(signature), key)) throw new Error(`${purpose} is not signed`);
  };
  if (founding.rootPublicKey !== rootPublicKey) throw new Error("another root key");
  holds("federation", founding, file.signature, root);
  const entries = new Map<string, Entry>();
  let before = hashOf(founding);
  for (const [i, change] of changes.entries()) {
    const content = contentOf(change);
    if (change.sequence !== i + 1 || change.previous !== before) throw new Error("the chain is broken");
    holds("federation-change", content, change.signature, root);
    before = hashOf(content);
    entries.set(before, change);
  }
  for (const claim of claims) entries.set(hashOf(contentOf(claim)), claim);
  const next = new Map<string, Claim>();
  for (const claim of claims) {
    const from = entries.get(claim.previous)?.action;
    const { type, name, publicKey: own = "" } = claim.action;
    const isInvited = from?.type === "invitation-made";
    if (!from?.publicKey || from.name !== name || isInvited !== (type === "joined") || from.publicKey === own)
      throw new Error("a claim stands on nothing");
    if (isInvited && claim.time > (from.expires ?? "")) throw new Error("joined too late");
    if (next.has(claim.previous)) throw new Error("two claims on one entry");
    next.set(claim.previous, claim);
    holds("federation-claim", contentOf(claim), claim.entitled, fromBase64(from.publicKey));
    holds("federation-claim", contentOf(claim), claim.own, fromBase64(own));
  }
  return replayed(changes, next);
}

function replayed(changes: readonly Change[], next: ReadonlyMap<string, Claim>): Member[] {
  const places = new Map<string, { roles: readonly string[]; entry: Entry }>();
  for (const change of changes) {
    const { type, name, roles = [] } = change.action;
    const place = places.get(name);
    if (type === "member-added" || type === "invitation-made") places.set(name, { roles, entry: change });
    else if (type === "roles-changed" && place) places.set(name, { ...place, roles });
    else if (type === "member-removed" || type === "invitation-withdrawn") places.delete(name);
  }
  return [...places].flatMap(([name, { roles, entry: first }]) => {
    let entry = first;
    for (let claim = next.get(hashOf(contentOf(entry))); claim; claim = next.get(hashOf(contentOf(entry))))
      entry = claim;
    return entry.action.type === "invitation-made" ? [] : [{ name, roles, publicKey: entry.action.publicKey! }];
  });
}
