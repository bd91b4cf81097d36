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
  return withOwn(encoder, { encodeQuery });
}

/**
 * An encoder that computes what passages may score once only. A querier does so when the last message has come: nothing on the wire depends on how long it takes,
 * and an attack that asks two questions over and over need not wait for it.
 */
export function rememberingScores(encoder: Encoder): Encoder {
  const known = new Map<string, Promise<number[]>>();
  const scoreMax: Encoder["scoreMax"] = (question, passages) => {
    const key = JSON.stringify([[...question], passages]);
    let scores = known.get(key);
    if (!scores) known.set(key, (scores = encoder.scoreMax(question, passages)));
    return scores;
  };
  return withOwn(encoder, { scoreMax });
}

function withOwn(encoder: Encoder, own: Partial<Encoder>): Encoder {
  return new Proxy(encoder, {
    get: (target, name) => {
      if (name in own) return own[name as keyof Encoder];
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
