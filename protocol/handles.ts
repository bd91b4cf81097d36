import { limits } from "./limits.ts";

/** Names a scored row: where it was in the answer. */
export interface Handle {
  readonly block: number;
  readonly slot: number;
}

const HANDLE_BYTES = 8;
const PADDING_BLOCK = 0xffff_ffff;

/** @returns Always 8 x fetchHandlesMax bytes, whatever the number of handles. */
export function packHandles(handles: readonly Handle[]): Uint8Array {
  if (handles.length > limits.fetchHandlesMax)
    throw new TypeError(`packHandles: at most ${String(limits.fetchHandlesMax)} handles`);
  const packed = new Uint8Array(HANDLE_BYTES * limits.fetchHandlesMax).fill(0xff);
  packed.set(packHandleList(handles));
  return packed;
}

/** @returns 8 bytes a handle: block, slot (u32, little endian); in that order, so that it does not tell how the rows rank. */
export function packHandleList(handles: readonly Handle[]): Uint8Array {
  const packed = new Uint8Array(HANDLE_BYTES * handles.length);
  const view = new DataView(packed.buffer);
  const sorted = handles.toSorted((a, b) => a.block - b.block || a.slot - b.slot);
  for (const [i, { block, slot }] of sorted.entries()) {
    view.setUint32(HANDLE_BYTES * i, block, true);
    view.setUint32(HANDLE_BYTES * i + 4, slot, true);
  }
  return packed;
}

/** Inverse of {@link packHandles} and {@link packHandleList}; the padding is left out. */
export function unpackHandles(packed: Uint8Array): Handle[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const handles: Handle[] = [];
  for (let at = 0; at + HANDLE_BYTES <= packed.length; at += HANDLE_BYTES) {
    const block = view.getUint32(at, true);
    if (block !== PADDING_BLOCK) handles.push({ block, slot: view.getUint32(at + 4, true) });
  }
  return handles;
}
