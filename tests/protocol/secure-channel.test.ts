import { describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import { SecureChannel } from "../../protocol/index.ts";
import { CHANNEL_OVERHEAD_BYTES } from "../../protocol/secure-channel.ts";

const HEADER_BYTES = 24;
const broken = expect.objectContaining({ code: "CHANNEL_BROKEN" });
const text = sodium.from_string;

function pair() {
  const [toB, toA] = [sodium.randombytes_buf(32), sodium.randombytes_buf(32)];
  return {
    a: new SecureChannel({ sending: toB.slice(), receiving: toA.slice() }),
    b: new SecureChannel({ sending: toA.slice(), receiving: toB.slice() }),
  };
}

test("carries messages both ways in order, of any length", () => {
  const { a, b } = pair();
  for (const length of [0, 1, 15, 16, 17, 1000, 1_000_000]) {
    const message = new Uint8Array(length).fill(length & 0xff);
    expect(Buffer.compare(b.open(a.seal(message)), message)).toBe(0);
    expect(Buffer.compare(a.open(b.seal(message)), message)).toBe(0);
  }
});

test("adds the same number of bytes to every message, and a header once a direction", () => {
  const { a, b } = pair();
  expect(a.seal(new Uint8Array(100))).toHaveLength(100 + CHANNEL_OVERHEAD_BYTES + HEADER_BYTES);
  expect(a.seal(new Uint8Array(100))).toHaveLength(100 + CHANNEL_OVERHEAD_BYTES);
  expect(b.seal(new Uint8Array(0))).toHaveLength(CHANNEL_OVERHEAD_BYTES + HEADER_BYTES);
});

test("the same message is never the same bytes twice", () => {
  const { a } = pair();
  a.seal(text("first"));
  expect(a.seal(text("again"))).not.toEqual(a.seal(text("again")));
});

type Sent = readonly [first: Uint8Array, second: Uint8Array, third: Uint8Array];

/** What the network may do to three messages; the last delivery is the one that must be refused. */
const deliveries: readonly { id: string; deliver: (sent: Sent) => readonly Uint8Array[] }[] = [
  { id: "one is lost", deliver: ([first, , third]) => [first, third] },
  { id: "the first is lost", deliver: ([, second]) => [second] },
  { id: "one is repeated", deliver: ([first, second]) => [first, second, second] },
  { id: "the first is repeated", deliver: ([first]) => [first, first] },
  { id: "the first is repeated without its header", deliver: ([first]) => [first, first.subarray(HEADER_BYTES)] },
  { id: "two change places", deliver: ([first, second, third]) => [first, third, second].slice(0, 2) },
  { id: "one is cut short", deliver: ([first, second]) => [first, second.subarray(0, -1)] },
  { id: "one is longer", deliver: ([first, second]) => [first, new Uint8Array([...second, 0])] },
  { id: "one is empty", deliver: ([first]) => [first, new Uint8Array(0)] },
  {
    id: "one is shorter than a tag",
    deliver: ([first, second]) => [first, second.subarray(0, CHANNEL_OVERHEAD_BYTES - 1)],
  },
  { id: "two are joined", deliver: ([first, second, third]) => [first, new Uint8Array([...second, ...third])] },
  { id: "the first has only its header", deliver: ([first]) => [first.subarray(0, HEADER_BYTES)] },
  { id: "the first is empty", deliver: () => [new Uint8Array(0)] },
  {
    id: "another channel's message is put in",
    deliver: ([first]) => {
      const { a } = pair();
      a.seal(text("one"));
      return [first, a.seal(text("two"))];
    },
  },
];

describe.each(deliveries)("$id", ({ deliver }) => {
  test("breaks the channel, and it stays broken", () => {
    const { a, b } = pair();
    const sent: Sent = [a.seal(text("one")), a.seal(text("two")), a.seal(text("three"))];
    const delivered = deliver(sent);
    for (const good of delivered.slice(0, -1)) b.open(good);
    expect(() => b.open(delivered.at(-1) ?? new Uint8Array(0))).toThrow(broken);
    for (const message of sent) expect(() => b.open(message)).toThrow(broken);
  });
});

test("its own message, sent back, breaks it", () => {
  const { a, b } = pair();
  a.open(b.seal(text("hello")));
  a.seal(text("hello"));
  expect(() => a.open(a.seal(text("mine")))).toThrow(broken);
});

// The first message is header (24) | tag byte (1) | text (6) | authenticator (16), a later one the last three.
test.each([
  { id: "first", earlier: 0, length: 24 + 1 + 6 + 16 },
  { id: "second", earlier: 1, length: 1 + 6 + 16 },
])("any changed byte of the $id message breaks the channel", ({ earlier, length }) => {
  for (let at = 0; at < length; at++) {
    const { a, b } = pair();
    for (let i = 0; i < earlier; i++) b.open(a.seal(text("before")));
    const sealed = a.seal(text("secret"));
    expect(sealed).toHaveLength(length);
    expect(() => b.open(sealed.map((byte, i) => (i === at ? byte ^ 0x80 : byte)))).toThrow(broken);
  }
});

test("a broken channel says nothing of what it was sent", () => {
  const { b } = pair();
  expect(() => b.open(text("swordfish swordfish swordfish swordfish swordfish"))).not.toThrow(/swordfish/);
});

test("every message replaces the key, so that keys taken later open none that went before", () => {
  const key = sodium.randombytes_buf(32);
  const channel = new SecureChannel({ sending: key.slice(), receiving: sodium.randombytes_buf(32) });
  const first = channel.seal(text("one"));
  const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(first.subarray(0, HEADER_BYTES), key);
  for (const record of [first.subarray(HEADER_BYTES), channel.seal(text("two"))])
    expect(sodium.crypto_secretstream_xchacha20poly1305_pull(state, record, null)).toMatchObject({
      tag: sodium.crypto_secretstream_xchacha20poly1305_TAG_REKEY,
    });
});

test("the keys it is given are wiped", () => {
  const keys = { sending: sodium.randombytes_buf(32), receiving: sodium.randombytes_buf(32) };
  new SecureChannel(keys);
  expect([...keys.sending, ...keys.receiving].every((byte) => byte === 0)).toBe(true);
});

test("opening does not change the bytes it was given", () => {
  const { a, b } = pair();
  const sealed = a.seal(text("one"));
  const before = sealed.slice();
  b.open(sealed);
  expect(sealed).toEqual(before);
});
