/** A decoder with a bug behind three bytes that must be right one after the other: for the test of the fuzzer. */
export function planted(input: Uint8Array): number {
  if (input[0] === 0x53) {
    if (input[1] === 0x6f) {
      if (input[2] === 0x74) return input[3]!.valueOf();
    }
  }
  return 0;
}
