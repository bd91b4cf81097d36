/** A block in the state in which its rows were scored. */
export interface ScoredBlock {
  readonly block: number;
  /** 16 bytes in hex. */
  readonly version: string;
}

/** Bytes of one block in a packed list: its number (u32, little endian) and its version. */
export const SCORED_BLOCK_BYTES = 20;
const VERSION_BYTES = 16;

/** @returns 20 bytes a block, in the order given. */
export function packScoredBlocks(blocks: readonly ScoredBlock[]): Uint8Array {
  const packed = Buffer.alloc(blocks.length * SCORED_BLOCK_BYTES);
  let at = 0;
  for (const { block, version } of blocks) {
    packed.writeUInt32LE(block, at);
    if (packed.write(version, at + 4, "hex") !== VERSION_BYTES)
      throw new TypeError(`packScoredBlocks: the version of block ${String(block)} is not 16 bytes in hex`);
    at += SCORED_BLOCK_BYTES;
  }
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

/**
 * Inverse of {@link packScoredBlocks}.
 *
 * @param packed - A multiple of 20 bytes, as the schema of a score list says.
 */
export function unpackScoredBlocks(packed: Uint8Array): ScoredBlock[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const blocks: ScoredBlock[] = [];
  for (let at = 0; at + SCORED_BLOCK_BYTES <= bytes.length; at += SCORED_BLOCK_BYTES)
    blocks.push({
      block: bytes.readUInt32LE(at),
      version: bytes.toString("hex", at + 4, at + SCORED_BLOCK_BYTES),
    });
  return blocks;
}
