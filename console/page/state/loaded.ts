import { type Signal, signal } from "@preact/signals";
import type { Fault } from "../../api.ts";
import { faultOf, request } from "../client.ts";

/** Something of the node's that a view shows; what was there before stays while it is fetched again. */
export interface Loaded<Value> {
  readonly value: Signal<Value | null>;
  readonly fault: Signal<Fault | null>;
  /** Of several that overlap, the last one counts. */
  readonly load: (path?: string) => Promise<void>;
}

export function loaded<Value>(path: string): Loaded<Value> {
  const value = signal<Value | null>(null);
  const fault = signal<Fault | null>(null);
  let latest = 0;
  const load = async (from = path): Promise<void> => {
    const turn = ++latest;
    try {
      const got = await request<Value>(from);
      if (turn !== latest) return;
      value.value = got;
      fault.value = null;
    } catch (error) {
      if (turn === latest) fault.value = faultOf(error);
    }
  };
  return { value, fault, load };
}
