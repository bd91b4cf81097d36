import type { BlockDescription } from "../../crypto/index.ts";
import { limits } from "../../protocol/index.ts";

/** What a querier knows of one party's blocks: the present ones, and for answers under way some that lately were. */
export class KnownBlocks {
  #present: readonly BlockDescription[] = [];
  readonly #byVersion = new Map<string, BlockDescription>();
  /** Versions known and not present, those that have not been so for longest first. */
  readonly #past = new Set<string>();

  /** The array given to {@link replace} last. */
  get present(): readonly BlockDescription[] {
    return this.#present;
  }

  get(version: string): BlockDescription | undefined {
    return this.#byVersion.get(version);
  }

  /**
   * Makes these the present blocks; of those that no longer are, the last `pastBlocksMax` are kept.
   *
   * @param blocks - No version twice; kept.
   * @returns Whether the versions present have changed.
   */
  replace(blocks: readonly BlockDescription[]): boolean {
    const gone = new Set(this.#present.map(({ version }) => version));
    let changed = blocks.length !== gone.size;
    for (const block of blocks) {
      if (!gone.delete(block.version)) changed = true;
      this.#past.delete(block.version);
      this.#byVersion.set(block.version, block);
    }
    for (const version of gone) this.#past.add(version);
    for (const version of this.#past) {
      if (this.#past.size <= limits.pastBlocksMax) break;
      this.#past.delete(version);
      this.#byVersion.delete(version);
    }
    this.#present = blocks;
    return changed;
  }
}
