/** A share as people read it: `12 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
