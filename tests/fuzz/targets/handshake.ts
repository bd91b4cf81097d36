import { sodium } from "../../../crypto/index.ts";
import {
  type Established,
  type HandshakeContext,
  Initiator,
  PROTOCOL_VERSION,
  Responder,
  SecureChannel,
  encodeValue,
} from "../../../protocol/index.ts";
import { Defect, type FuzzTarget } from "../target.ts";
import { boxKeys, federation, fixed, identity } from "../world.ts";

const context: HandshakeContext = { layer: "hop", federationId: federation.id, publicKeyOf: federation.publicKeyOf };
const initiator = (): Initiator => new Initiator(identity("asker"), context, boxKeys("initiator"));
const responder = (): Responder => new Responder(identity("hub"), context, boxKeys("responder"));

const FAULTS = ["HANDSHAKE_FAILED", "NOT_A_MEMBER", "VERSION_UNSUPPORTED", "FEDERATION_MISMATCH"];

/** Messages one after the other, each after its length (u16). */
function framed(messages: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(messages.flatMap((message) => [Uint8Array.of(message.length >> 8, message.length), message])),
  );
}

function* frames(input: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + 2 <= input.length;) {
    const end = at + 2 + input[at]! * 256 + input[at + 1]!;
    yield input.subarray(at + 2, end);
    at = end;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A handshake that went well, with the same ephemeral keys as every other here. */
const honest = (() => {
  const [asker, hub] = [initiator(), responder()];
  const welcome = hub.receiveHello(asker.hello);
  const { finish, transcript } = asker.receiveWelcome(welcome);
  return { hello: asker.hello, welcome, finish, transcript: hex(transcript) };
})();

/** Whoever gets this far with other messages than the peer's own has broken the handshake. */
function onlyHonest({ peer, transcript }: Established): void {
  if (hex(transcript) !== honest.transcript)
    throw new Defect(`a handshake was finished that "${peer}" has not taken part in`);
}

/** The keys of a handshake whose initiator is the fuzzer: a stranger who knows the protocol, and no member's key. */
function asStranger(plaintextOfProof: Uint8Array): { hello: Uint8Array; finish: (welcome: Uint8Array) => Uint8Array } {
  const own = boxKeys("stranger");
  const hello = encodeValue({
    type: "hello",
    protocol: PROTOCOL_VERSION,
    federation: federation.id,
    ephemeral: own.publicKey,
  });
  const shared = sodium.crypto_scalarmult(own.privateKey, boxKeys("responder").publicKey);
  const transcript = sodium.crypto_generichash(
    32,
    encodeValue(["sotto/1 transcript", context.layer, hello, boxKeys("responder").publicKey]),
    null,
  );
  const key = sodium.crypto_generichash(32, encodeValue(["sotto/1 initiator proof", transcript]), shared);
  const proof = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    plaintextOfProof,
    transcript,
    null,
    new Uint8Array(24),
    key,
  );
  return { hello, finish: () => encodeValue({ type: "finish", proof }) };
}

/**
 * A session in which the wire belongs to the fuzzer. Every three bytes are one step: what is sent, and what is done to it. Whatever it does, a side that finishes
 * has the peer's true messages, and both have the same transcript; and of what is sealed afterwards each message opens once, in its order, or not at all.
 */
function runWire(script: Uint8Array): void {
  const [asker, hub] = [initiator(), responder()];
  let wire: Uint8Array = asker.hello;
  let atHub: Established | null = null;
  let atAsker: (Established & { readonly finish: Uint8Array }) | null = null;
  for (let at = 0; at + 3 <= script.length; at += 3) {
    const [step, place, change] = [script[at]!, script[at + 1]!, script[at + 2]!];
    const sent = meddled(wire, place, change);
    if (step % 4 === 0) wire = hub.receiveHello(sent);
    else if (step % 4 === 1) wire = (atAsker = asker.receiveWelcome(sent)).finish;
    else if (step % 4 === 2) atHub = hub.receiveFinish(sent);
    else if (atHub && atAsker) exchange(atAsker.channel, atHub.channel, script.subarray(at + 1));
  }
  if (atHub && (!atAsker || hex(atHub.transcript) !== hex(atAsker.transcript) || atHub.peer !== "asker"))
    throw new Defect("one side finished a handshake that the other does not know");
  if (atAsker && atAsker.peer !== "hub") throw new Defect("the initiator took another for the responder");
}

function meddled(wire: Uint8Array, place: number, change: number): Uint8Array {
  if (change < 128) return wire;
  const sent = wire.slice(0, change === 255 ? place : wire.length);
  if (sent.length > 0) sent[place % sent.length]! ^= change & 127;
  return sent;
}

function exchange(from: SecureChannel, to: SecureChannel, script: Uint8Array): void {
  const sealed = Array.from({ length: 4 }, (_, i) => from.seal(Uint8Array.of(i)));
  let next = 0;
  for (const byte of script.subarray(0, 8)) {
    const message = sealed[byte & 3]!.slice();
    const meddledWith = byte >= 128;
    if (meddledWith) message[(byte >> 2) % message.length]! ^= 1;
    const [opened] = to.open(message);
    if (meddledWith || opened !== next || (byte & 3) !== next)
      throw new Defect("a message opened that was altered, repeated or out of its turn");
    next++;
  }
}

const channelKeys = () => ({ sending: fixed("sending"), receiving: fixed("receiving") });
const sealedBy = (count: number): Uint8Array[] => {
  const peer = new SecureChannel({ sending: fixed("receiving"), receiving: fixed("sending") });
  return Array.from({ length: count }, (_, i) => peer.seal(new Uint8Array(i).fill(i)));
};

/** Both sides of the handshake, and the channel that it ends in. */
export const handshakeTargets: readonly FuzzTarget[] = [
  {
    name: "handshake-responder",
    form: "bytes",
    seeds: () => [framed([honest.hello, honest.finish]), framed([honest.hello])],
    faults: FAULTS,
    run: (input) => {
      const hub = responder();
      const [hello = new Uint8Array(0), finish = new Uint8Array(0)] = frames(input);
      hub.receiveHello(hello);
      onlyHonest(hub.receiveFinish(finish));
    },
  },
  {
    name: "handshake-hello",
    form: "cbor",
    seeds: () => [honest.hello],
    faults: FAULTS,
    run: (input) => responder().receiveHello(input),
  },
  {
    name: "handshake-initiator",
    form: "cbor",
    seeds: () => [honest.welcome],
    faults: FAULTS,
    run: (input) => {
      onlyHonest(initiator().receiveWelcome(input));
    },
  },
  {
    name: "handshake-proof",
    form: "cbor",
    seeds: () => [encodeValue({ name: "asker", signature: new Uint8Array(64) }), encodeValue({ name: "nobody" })],
    faults: [...FAULTS, "FRAME_MALFORMED", "FRAME_TOO_LARGE", "MESSAGE_INVALID"],
    bytesMax: 480,
    run: (input) => {
      const hub = responder();
      const stranger = asStranger(input);
      const { peer } = hub.receiveFinish(stranger.finish(hub.receiveHello(stranger.hello)));
      throw new Defect(`a stranger was taken for "${peer}"`);
    },
  },
  {
    name: "handshake-wire",
    form: "bytes",
    seeds: () => [
      Uint8Array.of(0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 1, 2, 3),
      Uint8Array.of(0, 0, 0, 1, 9, 200),
      Uint8Array.of(0, 0, 0, 0, 0, 0),
    ],
    faults: [...FAULTS, "CHANNEL_BROKEN"],
    bytesMax: 64,
    run: runWire,
  },
  {
    name: "secure-channel",
    form: "bytes",
    seeds: () => [framed(sealedBy(3)), framed(sealedBy(1))],
    faults: ["CHANNEL_BROKEN"],
    run: (input) => {
      const channel = new SecureChannel(channelKeys());
      let broken: unknown = null;
      for (const frame of frames(input)) {
        try {
          channel.open(frame);
          if (broken) throw new Defect("a broken channel opened a message");
        } catch (error) {
          if (error instanceof Defect) throw error;
          broken = error;
        }
      }
      if (broken) throw broken as Error;
    },
  },
];
