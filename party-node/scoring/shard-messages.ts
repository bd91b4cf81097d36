import type { RingLayout, ShardBlock } from "../../crypto/index.ts";

/** What a scoring thread starts with. */
export interface ShardWorkerData {
  readonly layout: RingLayout;
  readonly hintKey: Uint8Array;
  readonly cachePath: string | null;
}

/** What a scoring thread replies to; `id` pairs the reply with its request. */
export type ShardCall =
  | {
      readonly type: "stage";
      readonly id: number;
      readonly block: number;
      readonly revision: number;
      readonly slots: readonly number[];
      /** Shape [slots][dim]. */
      readonly vectors: Float32Array;
    }
  | { readonly type: "restore"; readonly id: number; readonly block: number; readonly revision: number }
  | { readonly type: "score"; readonly id: number; readonly queries: readonly SharedArrayBuffer[] };

/** To a scoring thread, which does one after the other. */
export type ShardRequest = ShardCall | { readonly type: "commit" } | { readonly type: "discard" };

/** From a scoring thread. */
export type ShardReply =
  | { readonly id: number; readonly result: ShardBlock | null | readonly Uint8Array[] }
  | { readonly id: number; readonly fault: { readonly code: string; readonly message: string } };
