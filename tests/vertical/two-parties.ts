import { type IndexAnswer, type QuerySecrets, readResidues, sodium } from "../../crypto/index.ts";
import { type PairwiseKey, RlweAsker, seedMask } from "../../crypto/secret/index.ts";
import { federationLayout } from "../../party-node/asking/federation-layout.ts";
import { type Share, ShareMaker } from "../../party-node/vertical/index.ts";
import {
  type Federation,
  type ShareNote,
  decodeValue,
  openFederation,
  openSigned,
  shareBody,
  shareNote,
  signFederation,
  toBase64,
} from "../../protocol/index.ts";
import { localIndex, seeded } from "../crypto/support.ts";

const DIM = 32;
/** Two blocks of 32. */
export const ENTITIES = 64;
export const NAMES = ["texts", "titles"] as const;

/** A vertical federation of two parties and the keys of all, in memory. */
export function makeFederation(): { federation: Federation; secretKeys: ReadonlyMap<string, Uint8Array> } {
  const root = sodium.crypto_sign_keypair();
  const keys = new Map(NAMES.map((name) => [name, sodium.crypto_sign_keypair()]));
  const rootPublicKey = toBase64(root.publicKey);
  const file = signFederation(
    {
      name: "two parties",
      rootPublicKey,
      coordinatorUrls: ["ws://127.0.0.1:1"],
      mode: "private",
      encoder: { spec: "any", fingerprint: "00".repeat(32) },
      scoring: { dim: DIM, chunk: 64, normMax: 2, scoreBits: 14, seed: toBase64(new Uint8Array(32).fill(7)) },
      vertical: { parties: 2 },
      members: [...keys].map(([name, { publicKey }]) => ({ name, roles: ["party"], publicKey: toBase64(publicKey) })),
    },
    root.privateKey,
  );
  const secretKeys = new Map([...keys].map(([name, { privateKey }]) => [name, privateKey]));
  return { federation: openFederation(file, rootPublicKey), secretKeys };
}

/** One party with rows at all positions. */
export class OneParty {
  readonly name: string;
  /** [position][DIM], unit norm. */
  readonly rows: readonly Float32Array[];
  readonly #index;
  readonly #maker: ShareMaker;

  private constructor(
    name: string,
    seed: number,
    owner: ReturnType<typeof makeFederation>,
    pairwise?: readonly PairwiseKey[],
  ) {
    const { federation, secretKeys } = owner;
    const random = seeded(seed);
    this.name = name;
    this.rows = Array.from({ length: ENTITIES }, () => random.vector(DIM));
    this.#index = localIndex(federationLayout(federation), sodium.randombytes_buf(32));
    const alignment = JSON.stringify({ count: ENTITIES, digest: "ab".repeat(32) });
    this.#maker = new ShareMaker({
      identity: { name, secretKey: secretKeys.get(name) ?? new Uint8Array(0) },
      federation,
      store: { readValue: () => Buffer.from(alignment) },
      ...(pairwise ? { pairwise } : {}),
    });
  }

  /** @param pairwise - In place of the keys with the other party. */
  static async make(
    name: string,
    seed: number,
    owner: ReturnType<typeof makeFederation>,
    pairwise?: readonly PairwiseKey[],
  ): Promise<OneParty> {
    const party = new OneParty(name, seed, owner, pairwise);
    for (const block of [0, 1]) {
      const rows = party.rows.slice(32 * block, 32 * (block + 1)).map((vector, slot) => ({ slot, vector }));
      await party.#index.stage(block, rows);
    }
    party.#index.commit();
    return party;
  }

  /** Descriptions of its two blocks, as a querier has them. */
  blocks() {
    return [0, 1].map((block) => this.#index.describe(block)!);
  }

  score(query: Uint8Array): Promise<IndexAnswer> {
    return this.#index.answer(query);
  }

  /** @param lacking - Positions at which it is to have no row. */
  share(asked: Asked, answer: IndexAnswer, queryHash = asked.queryHash, lacking: readonly number[] = []): Share {
    const { queryId, answerKeys, checkKeys } = asked;
    const rowAt = (block: number, slot: number): number | null => (lacking.includes(32 * block + slot) ? null : slot);
    return this.#maker.make({ queryId, queryHash, answerKey: answerKeys.publicKey, checkKeys }, answer, rowAt);
  }
}

/** A query and all that the querier knows of it. */
export interface Asked {
  readonly embedding: Float32Array;
  readonly query: Uint8Array;
  readonly secrets: QuerySecrets;
  readonly queryId: Uint8Array;
  readonly queryHash: Uint8Array;
  readonly answerKeys: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  /** Sealed to each party. */
  readonly checkKeys: Uint8Array;
}

export async function ask(federation: Federation): Promise<Asked> {
  const layout = federationLayout(federation);
  const asker = new RlweAsker(layout, { poolSize: 0 });
  const embedding = seeded(99).vector(DIM);
  const { query, secrets } = await asker.ask(embedding);
  asker.close();
  const [queryId, queryHash] = [sodium.randombytes_buf(16), sodium.randombytes_buf(32)];
  const checkKey = sodium.randombytes_buf(32);
  const boxes = NAMES.map((name) =>
    sodium.crypto_box_seal(checkKey, sodium.crypto_sign_ed25519_pk_to_curve25519(federation.publicKeyOf(name)!)),
  );
  const checkKeys = Uint8Array.from(Buffer.concat(boxes));
  return { embedding, query, secrets, queryId, queryHash, checkKeys, answerKeys: sodium.crypto_box_keypair() };
}

/** What a party has told the querier with its share. */
export function noteOf({ body }: Share, { id, publicKeyOf }: Federation, { answerKeys }: Asked): ShareNote {
  const { value } = openSigned("share", id, shareBody, body, publicKeyOf);
  return decodeValue(shareNote, sodium.crypto_box_seal_open(value.sealed, answerKeys.publicKey, answerKeys.privateKey));
}

/** The scores of a share as they went over the wire: the checks left out. */
export function residuesOf({ residues }: Share): Uint32Array {
  return readResidues(residues)!.slice(0, ENTITIES);
}

/** What a party's seed has added to the scores. */
export function seedMaskOf(
  share: Share,
  federation: Federation,
  asked: Asked,
  queryHash = asked.queryHash,
): Uint32Array {
  return seedMask(noteOf(share, federation, asked).maskSeed, queryHash, share.residues.length / 4).slice(0, ENTITIES);
}
