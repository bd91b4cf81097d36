import { sodium } from "../../crypto/sodium.ts";
import type { Placement } from "./store.ts";

/** A block that is not full. */
export interface OpenBlock {
  readonly block: number;
  /** Slots without a row. */
  readonly freeSlots: readonly number[];
}

/**
 * Yields one place after another for new rows: first the free slots of the open blocks as they come, then new blocks. Within
 * a block the order is random, so that a slot says nothing about which document its row is from.
 *
 * @param openBlocks - Lazily read, in order of block number.
 * @param nextBlock - Number of the first new block.
 */
export function* places(
  openBlocks: Iterable<OpenBlock>,
  nextBlock: number,
  rowsPerBlock: number,
): Generator<Placement, never> {
  for (const { block, freeSlots } of openBlocks) {
    for (const slot of shuffled(freeSlots)) yield { block, slot };
  }
  for (let block = nextBlock; ; block++) {
    for (const slot of shuffled(Array.from({ length: rowsPerBlock }, (_, slot) => slot))) yield { block, slot };
  }
}

/** A uniformly random order (Fisher-Yates, libsodium's CSPRNG); the argument is left as it is. */
export function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = sodium.randombytes_uniform(last + 1);
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}
