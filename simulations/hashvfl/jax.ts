import type * as Jax from "@jax-js/jax";

export type JaxLibrary = typeof Jax;
/** jax-js counts references: every function takes over the arrays it is given, `.ref` keeps one for later. */
export type JaxArray = Jax.Array;

let loaded: Promise<JaxLibrary> | undefined;

/** jax-js on WebAssembly, loaded once and only by what trains: it is a megabyte of code. */
export function loadJax(): Promise<JaxLibrary> {
  loaded ??= import("@jax-js/jax").then(async (jax) => {
    await jax.init("wasm");
    jax.defaultDevice("wasm");
    return jax;
  });
  return loaded;
}

/** @param values - Copied; shape [the product of `shape`]. */
export function arrayOf({ numpy }: JaxLibrary, values: Float32Array, shape: number[]): JaxArray {
  return numpy.array(new Float32Array(values), { shape });
}

/** What an array holds, as a copy; gives the array back. */
export async function valuesOf(array: JaxArray): Promise<Float32Array> {
  const values = await array.data();
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
