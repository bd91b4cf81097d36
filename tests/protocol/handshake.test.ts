import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { Fault, sodium } from "../../crypto/index.ts";
import {
  type EphemeralKeys,
  type HandshakeContext,
  Initiator,
  PROTOCOL_VERSION,
  Responder,
} from "../../protocol/handshake.ts";
import { decodeValue, encodeValue } from "../../protocol/index.ts";
import {
  type HandshakeInputs,
  type Side,
  cbor,
  ed25519PublicKey,
  handshakeInNoble,
  x25519PublicKey,
} from "./handshake-in-noble.ts";

const layers = ["hop", "end-to-end"] as const;
type Layer = (typeof layers)[number];

const FEDERATION = new Uint8Array(32).fill(1);
const keys = new Map(["asker", "clinic", "other"].map((name) => [name, sodium.crypto_sign_keypair()]));
const identity = (name: string) => ({ name, secretKey: (keys.get(name) ?? sodium.crypto_sign_keypair()).privateKey });
const context = (layer: Layer, federationId = FEDERATION): HandshakeContext => ({
  layer,
  federationId,
  publicKeyOf: (name) => keys.get(name)?.publicKey ?? null,
});
const code = (expected: string) => expect.objectContaining({ code: expected });
const text = sodium.from_string;

/** A handshake by the book, and everything said in it. */
function handshake(layer: Layer) {
  const initiator = new Initiator(identity("asker"), context(layer));
  const responder = new Responder(identity("clinic"), context(layer));
  const welcome = responder.receiveHello(initiator.hello);
  const atInitiator = initiator.receiveWelcome(welcome);
  const atResponder = responder.receiveFinish(atInitiator.finish);
  return { hello: initiator.hello, welcome, finish: atInitiator.finish, atInitiator, atResponder };
}

describe.each(layers)("%s", (layer) => {
  test("both sides learn who the other is and can talk", () => {
    const { atInitiator, atResponder } = handshake(layer);
    expect([atInitiator.peer, atResponder.peer]).toEqual(["clinic", "asker"]);
    expect(atInitiator.transcript).toEqual(atResponder.transcript);
    expect(atResponder.channel.open(atInitiator.channel.seal(text("there")))).toEqual(text("there"));
    expect(atInitiator.channel.open(atResponder.channel.seal(text("and back")))).toEqual(text("and back"));
  });

  test("no two handshakes share a byte of key, nor say a name in the open", () => {
    const [one, two] = [handshake(layer), handshake(layer)];
    expect(one.atInitiator.transcript).not.toEqual(two.atInitiator.transcript);
    expect(() => two.atResponder.channel.open(one.atInitiator.channel.seal(text("hi")))).toThrow(
      code("CHANNEL_BROKEN"),
    );
    const wire = Buffer.concat([one.hello, one.welcome, one.finish]);
    for (const name of ["asker", "clinic"]) expect(wire.includes(name)).toBe(false);
  });
});

interface Vector {
  readonly layer: Layer;
  readonly federationId: string;
  readonly initiator: Record<keyof Side, string>;
  readonly responder: Record<keyof Side, string>;
  readonly hello: string;
  readonly welcome: string;
  readonly finish: string;
  readonly transcript: string;
  readonly toResponder: string;
  readonly toInitiator: string;
  readonly messageToResponder: string;
  readonly messageToInitiator: string;
}

const vectors = (
  JSON.parse(readFileSync(new URL("../vectors/handshake.json", import.meta.url), "utf8")) as { handshakes: Vector[] }
).handshakes;
if (vectors.length !== 2) throw new Error("the vector file holds no handshakes");
const hex = sodium.to_hex;
const bytes = sodium.from_hex;
const side = ({ name, identitySeed, ephemeralPrivateKey }: Vector["initiator"]): Side => ({
  name,
  identitySeed: bytes(identitySeed),
  ephemeralPrivateKey: bytes(ephemeralPrivateKey),
});

/** The same two sides, from this project's implementation. */
function ours({ layer, federationId, initiator, responder }: HandshakeInputs) {
  const publicKeys = new Map(
    [initiator, responder].map(({ name, identitySeed }) => [name, ed25519PublicKey(identitySeed)]),
  );
  const known = { layer: layer as Layer, federationId, publicKeyOf: (name: string) => publicKeys.get(name) ?? null };
  const ephemeral = ({ ephemeralPrivateKey }: Side): EphemeralKeys => ({
    publicKey: x25519PublicKey(ephemeralPrivateKey),
    privateKey: ephemeralPrivateKey.slice(),
  });
  const who = ({ name, identitySeed }: Side) => ({
    name,
    secretKey: sodium.crypto_sign_seed_keypair(identitySeed).privateKey,
  });
  return {
    initiator: new Initiator(who(initiator), known, ephemeral(initiator)),
    responder: new Responder(who(responder), known, ephemeral(responder)),
  };
}

describe.each(vectors)("known answers, $layer", (vector) => {
  const inputs = {
    layer: vector.layer,
    federationId: bytes(vector.federationId),
    initiator: side(vector.initiator),
    responder: side(vector.responder),
  };

  test("messages and transcript are those of the vectors", () => {
    const { initiator, responder } = ours(inputs);
    const welcome = responder.receiveHello(initiator.hello);
    const atInitiator = initiator.receiveWelcome(welcome);
    const { hello, transcript } = vector;
    expect([hex(initiator.hello), hex(welcome), hex(atInitiator.finish), hex(atInitiator.transcript)]).toEqual([
      hello,
      vector.welcome,
      vector.finish,
      transcript,
    ]);
    expect(responder.receiveFinish(atInitiator.finish).peer).toBe(vector.initiator.name);
  });

  test("a version that was changed on the way up is noticed, also when the responder speaks it", () => {
    for (const protocol of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1])
      expect(() => ours(inputs).initiator.receiveWelcome(handshakeInNoble({ ...inputs, protocol }).welcome)).toThrow(
        code("HANDSHAKE_FAILED"),
      );
    expect(ours(inputs).initiator.receiveWelcome(handshakeInNoble(inputs).welcome).peer).toBe(vector.responder.name);
  });

  test("the second implementation agrees with the vectors", () => {
    const answers = Object.entries(handshakeInNoble(inputs)).map(([name, value]) => [name, hex(value)]);
    expect(vector).toMatchObject(Object.fromEntries(answers));
  });

  test("secretstream messages under the derived keys open, recorded and fresh", () => {
    const { initiator, responder } = ours(inputs);
    const { channel: atInitiator, finish } = initiator.receiveWelcome(responder.receiveHello(initiator.hello));
    const { channel: atResponder } = responder.receiveFinish(finish);
    expect(sodium.to_string(atInitiator.open(bytes(vector.messageToInitiator)))).toBe("first words");
    expect(sodium.to_string(atResponder.open(bytes(vector.messageToResponder)))).toBe("first words");
    const sealed = atInitiator.seal(text("from here"));
    const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(
      sealed.subarray(0, 24),
      handshakeInNoble(inputs).toResponder,
    );
    expect(sodium.crypto_secretstream_xchacha20poly1305_pull(state, sealed.subarray(24), null)).toMatchObject({
      message: text("from here"),
    });
  });
});

const hello = (changes: object = {}): Uint8Array =>
  encodeValue({
    type: "hello",
    protocol: PROTOCOL_VERSION,
    federation: FEDERATION,
    ephemeral: sodium.crypto_box_keypair().publicKey,
    ...changes,
  });
const flipped = (message: Uint8Array, at: number): Uint8Array =>
  message.map((byte, i) => (i === (at + message.length) % message.length ? byte ^ 1 : byte));
// Points of small order: X25519 with any of them gives zero, whatever the private key.
const smallOrder = [
  "0".repeat(64),
  `01${"0".repeat(62)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  `ecffff${"f".repeat(56)}7f`,
];

/** Responders must refuse these as first message. */
const hostileHellos: readonly { id: string; message: Uint8Array; fault: string }[] = [
  { id: "an older version", message: hello({ protocol: 0 }), fault: "VERSION_UNSUPPORTED" },
  { id: "a newer version", message: hello({ protocol: PROTOCOL_VERSION + 1 }), fault: "VERSION_UNSUPPORTED" },
  {
    id: "another federation",
    message: hello({ federation: new Uint8Array(32).fill(2) }),
    fault: "FEDERATION_MISMATCH",
  },
  {
    id: "a federation's name too short",
    message: hello({ federation: new Uint8Array(31) }),
    fault: "HANDSHAKE_FAILED",
  },
  ...smallOrder.map((point) => ({
    id: `an ephemeral key of small order, ${point.slice(0, 4)}`,
    message: hello({ ephemeral: bytes(point) }),
    fault: "HANDSHAKE_FAILED",
  })),
  {
    id: "an ephemeral key too long",
    message: hello({ ephemeral: new Uint8Array(33).fill(9) }),
    fault: "HANDSHAKE_FAILED",
  },
  { id: "an unknown field", message: hello({ extra: 1 }), fault: "HANDSHAKE_FAILED" },
  { id: "a version that is no integer", message: hello({ protocol: "1" }), fault: "HANDSHAKE_FAILED" },
  { id: "truncated", message: hello().subarray(0, -1), fault: "HANDSHAKE_FAILED" },
  { id: "followed by a byte", message: new Uint8Array([...hello(), 0]), fault: "HANDSHAKE_FAILED" },
  {
    id: "larger than allowed",
    message: cbor({ type: "hello", padding: new Uint8Array(4096) }),
    fault: "HANDSHAKE_FAILED",
  },
  { id: "garbage", message: new Uint8Array(100).fill(0xff), fault: "HANDSHAKE_FAILED" },
  { id: "empty", message: new Uint8Array(0), fault: "HANDSHAKE_FAILED" },
  { id: "a finish", message: handshake("hop").finish, fault: "HANDSHAKE_FAILED" },
  { id: "a welcome", message: handshake("hop").welcome, fault: "HANDSHAKE_FAILED" },
];

test.each(hostileHellos)("a responder refuses a hello: $id", ({ message, fault }) => {
  const responder = new Responder(identity("clinic"), context("hop"));
  expect(() => responder.receiveHello(message)).toThrow(code(fault));
});

/** A welcome that a responder of other properties would give to this very hello. */
const welcomeFrom = (
  to: Uint8Array,
  name: string,
  layer: Layer = "hop",
  secretKey = identity(name).secretKey,
): Uint8Array => new Responder({ name, secretKey }, context(layer)).receiveHello(to);

/** Initiators must refuse these in answer to their hello. */
const hostileWelcomes: readonly { id: string; make: (hello: Uint8Array) => Uint8Array; fault: string }[] = [
  { id: "their own hello, sent back", make: (own) => own, fault: "HANDSHAKE_FAILED" },
  { id: "a stranger's", make: (own) => welcomeFrom(own, "stranger"), fault: "NOT_A_MEMBER" },
  {
    id: "of somebody with the wrong key for the name",
    make: (own) => welcomeFrom(own, "clinic", "hop", identity("other").secretKey),
    fault: "HANDSHAKE_FAILED",
  },
  { id: "of the other layer", make: (own) => welcomeFrom(own, "clinic", "end-to-end"), fault: "HANDSHAKE_FAILED" },
  { id: "given to another hello", make: () => welcomeFrom(hello(), "clinic"), fault: "HANDSHAKE_FAILED" },
  {
    id: "with a bit of the ephemeral key changed",
    make: (own) => flipped(welcomeFrom(own, "clinic"), 50),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "with a bit of the proof changed",
    make: (own) => flipped(welcomeFrom(own, "clinic"), -1),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "with an ephemeral key of zeros",
    make: () => encodeValue({ type: "welcome", ephemeral: new Uint8Array(32), proof: new Uint8Array(100) }),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "with an empty proof",
    make: () =>
      encodeValue({ type: "welcome", ephemeral: sodium.crypto_box_keypair().publicKey, proof: new Uint8Array(0) }),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "with a proof too long",
    make: () =>
      encodeValue({ type: "welcome", ephemeral: sodium.crypto_box_keypair().publicKey, proof: new Uint8Array(513) }),
    fault: "HANDSHAKE_FAILED",
  },
  { id: "truncated", make: (own) => welcomeFrom(own, "clinic").subarray(0, -1), fault: "HANDSHAKE_FAILED" },
  { id: "larger than allowed", make: () => new Uint8Array(4097), fault: "HANDSHAKE_FAILED" },
  { id: "garbage", make: () => new Uint8Array(64).fill(0xa5), fault: "HANDSHAKE_FAILED" },
];

test.each(hostileWelcomes)("an initiator refuses a welcome: $id", ({ make, fault }) => {
  const initiator = new Initiator(identity("asker"), context("hop"));
  expect(() => initiator.receiveWelcome(make(initiator.hello))).toThrow(code(fault));
});

/** The finish that an initiator of other properties would answer this hello's welcome with. */
type Attack = (talk: { readonly answer: (initiator: Initiator) => Uint8Array }) => Uint8Array;
const initiatorLike = (name: string, layer: Layer = "hop", secretKey = identity(name).secretKey): Initiator =>
  new Initiator({ name, secretKey }, context(layer));

/** Responders must refuse these as last message; `answer` plays the first two messages with the initiator given. */
const hostileFinishes: readonly { id: string; mutate: Attack; fault: string }[] = [
  { id: "a stranger's", mutate: ({ answer }) => answer(initiatorLike("stranger")), fault: "NOT_A_MEMBER" },
  {
    id: "of somebody with the wrong key for the name",
    mutate: ({ answer }) => answer(initiatorLike("asker", "hop", identity("other").secretKey)),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "replayed from an earlier handshake",
    mutate: ({ answer }) => (answer(initiatorLike("asker")), handshake("hop").finish),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "with a bit of the proof changed",
    mutate: ({ answer }) => flipped(answer(initiatorLike("asker")), -1),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "truncated",
    mutate: ({ answer }) => answer(initiatorLike("asker")).subarray(0, -1),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "larger than allowed",
    mutate: ({ answer }) => (answer(initiatorLike("asker")), new Uint8Array(4097)),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "garbage",
    mutate: ({ answer }) => (answer(initiatorLike("asker")), new Uint8Array(9)),
    fault: "HANDSHAKE_FAILED",
  },
  {
    id: "the hello again",
    mutate: ({ answer }) => {
      const one = initiatorLike("asker");
      answer(one);
      return one.hello;
    },
    fault: "HANDSHAKE_FAILED",
  },
];

test.each(hostileFinishes)("a responder refuses a finish: $id", ({ mutate, fault }) => {
  const responder = new Responder(identity("clinic"), context("hop"));
  const answer = (initiator: Initiator): Uint8Array =>
    initiator.receiveWelcome(responder.receiveHello(initiator.hello)).finish;
  const finish = mutate({ answer });
  expect(() => responder.receiveFinish(finish)).toThrow(code(fault));
  expect(() => responder.receiveFinish(finish)).toThrow(code("HANDSHAKE_FAILED"));
});

test("a responder's own proof, sent back as the finish, is refused", () => {
  const responder = new Responder(identity("clinic"), context("hop"));
  const { proof } = decodeValue(z.looseObject({ proof: z.custom<Uint8Array>() }), responder.receiveHello(hello()));
  expect(() => responder.receiveFinish(encodeValue({ type: "finish", proof }))).toThrow(code("HANDSHAKE_FAILED"));
});

test("a handshake of one layer never passes for the other, though the same two hold it", () => {
  const initiator = new Initiator(identity("asker"), context("hop"));
  const responder = new Responder(identity("clinic"), context("end-to-end"));
  const welcome = responder.receiveHello(initiator.hello);
  expect(() => initiator.receiveWelcome(welcome)).toThrow(code("HANDSHAKE_FAILED"));
});

test.each([
  {
    id: "a finish before the hello",
    run: () => new Responder(identity("clinic"), context("hop")).receiveFinish(handshake("hop").finish),
  },
  {
    id: "a second hello",
    run: () => {
      const one = new Responder(identity("clinic"), context("hop"));
      one.receiveHello(hello());
      one.receiveHello(hello());
    },
  },
  {
    id: "a second welcome",
    run: () => {
      const one = initiatorLike("asker");
      one.receiveWelcome(welcomeFrom(one.hello, "clinic"));
      one.receiveWelcome(welcomeFrom(one.hello, "clinic"));
    },
  },
  {
    id: "a welcome after one that failed",
    run: () => {
      const one = initiatorLike("asker");
      try {
        one.receiveWelcome(welcomeFrom(one.hello, "stranger"));
      } catch {
        /* expected */
      }
      one.receiveWelcome(welcomeFrom(one.hello, "clinic"));
    },
  },
])("messages out of order are refused: $id", ({ run }) => {
  expect(run).toThrow(code("HANDSHAKE_FAILED"));
  expect(run).toThrow(/order/);
});

test("an ephemeral private key is wiped as soon as it has been used", () => {
  const [a, b] = [sodium.crypto_box_keypair(), sodium.crypto_box_keypair()];
  const initiator = new Initiator(identity("asker"), context("hop"), a);
  const responder = new Responder(identity("clinic"), context("hop"), b);
  initiator.receiveWelcome(responder.receiveHello(initiator.hello));
  expect([...a.privateKey, ...b.privateKey].every((byte) => byte === 0)).toBe(true);
});

test("faults name no key and quote no message", () => {
  try {
    new Responder(identity("clinic"), context("hop")).receiveHello(encodeValue({ type: "hello", secret: "swordfish" }));
    throw new Error("was accepted");
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).message).not.toContain("swordfish");
  }
});
