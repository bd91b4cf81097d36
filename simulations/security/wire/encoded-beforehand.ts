import type { Encoder } from "../../../party-node/encoders/index.ts";

/**
 * An encoder that has the vectors of these questions already. Encoding a question takes a time of its own and leaves the processor busy; where the querier's
 * machine is not that of the parties, neither is seen on the wire.
 */
export async function encodedBeforehand(encoder: Encoder, questions: readonly string[]): Promise<Encoder> {
  const vectors = new Map<string, Float32Array>();
  for (const question of questions) vectors.set(question, await encoder.encodeQuery(question));
  const encodeQuery: Encoder["encodeQuery"] = (question) =>
    Promise.resolve(vectors.get(question)?.slice() ?? encoder.encodeQuery(question));
  return new Proxy(encoder, {
    get: (target, name) => {
      if (name === "encodeQuery") return encodeQuery;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
