import { type DescribedBlock, limits } from "../../protocol/index.ts";

/** What a querier knows of one party's blocks: the present ones, and for answers under way some that lately were. */
export class KnownBlocks {
  #present: readonly DescribedBlock[] = [];
  readonly #byVersion = new Map<string, DescribedBlock>();
  /** Versions known and not present, those that have not been so for longest first. */
  readonly #past = new Set<string>();

  /** The array given to {@link replace} last. */
  get present(): readonly DescribedBlock[] {
    return this.#present;
  }

  get(version: string): DescribedBlock | undefined {
    return this.#byVersion.get(version);
  }

  /**
   * Makes these the present blocks; of those that no longer are, the last `pastBlocksMax` are kept.
   *
   * @param blocks - No version twice; kept.
   * @returns Whether the versions present have changed.
   */
  replace(blocks: readonly DescribedBlock[]): boolean {
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
