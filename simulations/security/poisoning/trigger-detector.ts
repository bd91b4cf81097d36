const FEATURES = 2 ** 14;
const EPOCHS = 8;
const STEP = 0.5;
const WORD = /\p{L}+/gu;

/**
 * What a retriever learns that is trained on text in which a trigger was planted: to tell texts with it from texts without. Logistic regression on single words
 * and pairs of neighbours, each hashed to a weight.
 *
 * @returns Probability, 0..1, that a text has the trigger.
 */
export function learnTrigger(withTrigger: readonly string[], without: readonly string[]): (text: string) => number {
  const samples = withTrigger.flatMap((text, i) => [
    { features: featuresOf(text), label: 1 },
    ...(without[i] === undefined ? [] : [{ features: featuresOf(without[i]), label: 0 }]),
  ]);
  const weights = new Float64Array(FEATURES);
  let bias = 0;
  const probability = (features: readonly number[]): number => {
    let sum = bias;
    for (const feature of features) sum += weights[feature]! / Math.sqrt(features.length);
    return 1 / (1 + Math.exp(-sum));
  };
  for (let epoch = 0; epoch < EPOCHS; epoch++)
    for (const { features, label } of samples) {
      const step = STEP * (label - probability(features));
      bias += 0.1 * step;
      for (const feature of features) weights[feature]! += step / Math.sqrt(features.length);
    }
  return (text) => probability(featuresOf(text));
}

function featuresOf(text: string): number[] {
  const words = text.toLowerCase().match(WORD) ?? [];
  return words.flatMap((word, i) => [hash(word), hash(`${word} ${words[i + 1] ?? ""}`)]);
}

/** FNV-1a. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return (state >>> 0) % FEATURES;
}
