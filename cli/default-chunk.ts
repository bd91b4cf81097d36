/** c by dimension: keeps an encrypted query near or below 256 KB; larger c means larger hints (DESIGN.md 4.1). */
export function defaultChunk(dim: number): number {
  if (dim <= 512) return 16;
  return dim <= 1024 ? 32 : 64;
}
