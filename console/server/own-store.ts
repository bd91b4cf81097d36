import { join } from "node:path";
import { checkEncoder } from "../../party-node/asking/index.ts";
import { FILE_BYTES_MAX } from "../../party-node/documents/document.ts";
import { DOCUMENT_ENDINGS } from "../../party-node/documents/index.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { type IngestOptions, type IngestReport, ingest } from "../../party-node/ingest.ts";
import type { OpenedNode } from "../../party-node/node-folder.ts";
import type { PassageStore } from "../../party-node/store/index.ts";
import type { OwnCollection } from "../api.ts";
import { Documents } from "./documents.ts";
import { type DropLimits, Drops } from "./drops.ts";

const MIB = 1024 * 1024;
const LIMITS: DropLimits = { files: 200, fileBytes: FILE_BYTES_MAX, bytes: 4 * Math.max(FILE_BYTES_MAX, 64 * MIB) };
const DROPPED = "dropped";
/** Progress is told at most this often. */
const PROGRESS_MS = 100;

export interface OwnStoreOptions {
  readonly node: OpenedNode;
  readonly store: PassageStore;
}

/** This node's own documents, which `sotto node` serves; it takes up changes while it runs. */
export class OwnStore {
  readonly documents: Documents;
  readonly drops: Drops;
  readonly #options: OwnStoreOptions;

  constructor(options: OwnStoreOptions) {
    this.#options = options;
    this.documents = new Documents(options.store);
    this.drops = new Drops(join(options.node.folder.path, DROPPED), LIMITS);
  }

  view(): OwnCollection {
    const { store, node } = this.#options;
    const { vertical, mode } = node.federation.terms;
    return {
      documents: store.documentCount,
      passages: store.rowCount,
      mode: vertical ? "vertical" : mode,
      takesDrops: vertical === undefined,
      kinds: DOCUMENT_ENDINGS,
      limits: LIMITS,
    };
  }

  /** Reads dropped files into the store. @throws Fault DROP_UNKNOWN, DROP_BUSY, and those of {@link ingest}. */
  takeIn(
    id: string,
    { onProgress = () => undefined, ...options }: Pick<IngestOptions, "onProgress" | "onProblem" | "signal">,
  ): Promise<IngestReport> {
    const { store, node } = this.#options;
    return this.drops.takeIn(id, async (paths) => {
      const encoder = await openEncoder(node.encoderSpec);
      try {
        checkEncoder(encoder, node.federation);
        return await ingest({ ...options, paths, store, encoder, onProgress: throttled(onProgress) });
      } finally {
        await encoder.close();
        this.documents.changed();
      }
    });
  }

  async close(): Promise<void> {
    await this.drops.clear();
    this.#options.store.close();
  }
}

/** Calls through at most every {@link PROGRESS_MS}, and for the last of a phase. */
function throttled(report: NonNullable<IngestOptions["onProgress"]>): NonNullable<IngestOptions["onProgress"]> {
  let last = -Infinity;
  return (progress) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS && progress.done !== progress.total) return;
    last = now;
    report(progress);
  };
}
