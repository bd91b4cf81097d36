/** Euclidean norm, summed in double precision. */
export function euclideanNorm(vector: Float32Array): number {
  let squares = 0;
  for (const entry of vector) squares += entry * entry;
  return Math.sqrt(squares);
}

/** Multiplies in place by one factor; returns the same array. */
export function scaleInPlace(vector: Float32Array, factor: number): Float32Array {
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor;
  return vector;
}

/** Brings to unit norm in place; a zero vector stays zero. */
export function normaliseInPlace(vector: Float32Array): Float32Array {
  const norm = euclideanNorm(vector);
  return norm === 0 ? vector : scaleInPlace(vector, 1 / norm);
}

/** Summed in double precision. */
export function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
