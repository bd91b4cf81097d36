/** Lower case hexadecimal in one flat string. libsodium's own is a rope of its digits, which takes ten times as much memory for as long as it is kept. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
