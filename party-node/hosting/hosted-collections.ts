import { Fault, ringLayout, hexOf } from "../../crypto/index.ts";
import { limits } from "../../protocol/index.ts";
import type { CollectionSettings, SealedStore } from "../sealed-store/index.ts";
import { newRevision } from "../sealed-store/revision.ts";
import { type Attachment, packAttachment, unpackAttachment } from "./attachment.ts";

/** A collection that this node keeps for its owner. */
export interface HostedCollection {
  /** Key id in hex; names it in the store. */
  readonly id: string;
  readonly owner: string;
  readonly dim: number;
  readonly attachment: Attachment;
}

export type HostingFaultCode = "NOT_HOSTING" | "COLLECTION_UNKNOWN" | "COLLECTION_EXISTS" | "LIMIT_EXCEEDED";

/** Which collections a host keeps, and who may do what with them. One process at a time changes a host's collections. */
export class HostedCollections {
  readonly #store: SealedStore;
  readonly #owners: ReadonlySet<string>;
  readonly #collections: Map<string, HostedCollection>;

  private constructor(store: SealedStore, owners: ReadonlySet<string>, collections: Map<string, HostedCollection>) {
    this.#store = store;
    this.#owners = owners;
    this.#collections = collections;
  }

  /** @param owners - Members who may have collections here. */
  static async open(store: SealedStore, owners: ReadonlySet<string>): Promise<HostedCollections> {
    const collections = new Map<string, HostedCollection>();
    for (const { id, owner, dim } of await store.collections()) {
      const attachment = await store.attachment(id);
      // The process ended between the two steps of `create`, whose caller has not been told that it is there.
      if (attachment.length === 0) await store.erase(id);
      else collections.set(id, { id, owner, dim, attachment: unpackAttachment(attachment) });
    }
    return new HostedCollections(store, owners, collections);
  }

  all(): HostedCollection[] {
    return [...this.#collections.values()];
  }

  /** What a member may know of: its own, and what it was given to read. */
  visibleTo(member: string): HostedCollection[] {
    return this.all().filter((collection) => collection.owner === member || grantOf(collection, member));
  }

  /** @throws Fault COLLECTION_UNKNOWN, also when the member may not read it: that it exists is none of its business. */
  forReader(member: string, keyId: Uint8Array): HostedCollection {
    const collection = this.#collections.get(hexOf(keyId));
    if (collection && (collection.owner === member || grantOf(collection, member))) return collection;
    throw new Fault<HostingFaultCode>(
      "COLLECTION_UNKNOWN",
      "this host has no such collection for you: its owner has erased it, given it a new key, or not granted it to you; `sotto collection forget` takes it off your list",
    );
  }

  /** @throws Fault NOT_HOSTING, COLLECTION_UNKNOWN. */
  forOwner(member: string, keyId: Uint8Array): HostedCollection {
    this.#expectOwner(member);
    const collection = this.forReader(member, keyId);
    if (collection.owner === member) return collection;
    throw new Fault<HostingFaultCode>("COLLECTION_UNKNOWN", "you may read this collection; only its owner changes it");
  }

  /** @throws Fault NOT_HOSTING, LIMIT_EXCEEDED, COLLECTION_EXISTS, PARAMETERS_INVALID and those of the store. */
  async create(
    member: string,
    keyId: Uint8Array,
    settings: Pick<CollectionSettings, "dim" | "search"> & Pick<Attachment, "scoring">,
  ): Promise<void> {
    this.#expectOwner(member);
    // Throws for parameters that no collection can be scored with, before anything is made.
    if (settings.scoring) ringLayout({ dim: settings.dim, ...settings.scoring });
    if (this.#collections.size >= limits.hostedCollectionsMax)
      throw new Fault<HostingFaultCode>("LIMIT_EXCEEDED", "this host keeps as many collections as it may");
    const { dim, search, scoring } = settings;
    const attachment: Attachment = { version: 1, scoring, revision: 0, header: new Uint8Array(0), grants: [] };
    const collection = { id: hexOf(keyId), owner: member, dim, attachment };
    await this.#store.createCollection({ id: collection.id, dim, owner: member, fields: [], search });
    try {
      await this.#store.writeAttachment(collection.id, packAttachment(attachment));
    } catch (error) {
      // Half a collection could be neither opened nor made again until the host starts anew.
      await this.#store.erase(collection.id);
      throw error;
    }
    this.#collections.set(collection.id, collection);
  }

  async describe(collection: HostedCollection, told: Pick<Attachment, "header" | "grants">): Promise<void> {
    const { attachment } = this.#collections.get(collection.id) ?? collection;
    const described: Attachment = {
      ...attachment,
      revision: newRevision(),
      // Views of the whole message; copies let the rest of it go.
      header: told.header.slice(),
      grants: told.grants.map(({ member, grant }) => ({ member, grant: grant.slice() })),
    };
    await this.#store.writeAttachment(collection.id, packAttachment(described));
    this.#collections.set(collection.id, { ...collection, attachment: described });
  }

  async erase({ id }: HostedCollection): Promise<void> {
    await this.#store.erase(id);
    this.#collections.delete(id);
  }

  #expectOwner(member: string): void {
    if (this.#owners.has(member)) return;
    throw new Fault<HostingFaultCode>(
      "NOT_HOSTING",
      `this node keeps no collections for you; its operator starts it with \`sotto node --host-for ${member}\``,
    );
  }
}

/** The key of a collection as its owner sealed it for this reader; undefined for whoever may not read it. */
export function grantOf({ attachment }: HostedCollection, member: string): Uint8Array | undefined {
  return attachment.grants.find((grant) => grant.member === member)?.grant;
}
