import { sodium } from "../../../crypto/index.ts";
import { type HopMessage, encodeValue, limits } from "../../../protocol/index.ts";
import type { Door, Reception } from "./door.ts";
import type { Act, Outcome } from "./row.ts";

/** Whoever is not turned away got in. */
const wasTaken = (said: Reception): Outcome => ({
  got: said === "taken",
  note: said === "taken" ? "open" : `the coordinator: ${said}`,
});

/** The attacker wants the service to end: only what happens to others counts. */
async function endsService(door: Door, said: Reception): Promise<Outcome> {
  return (await door.admits()) ? { got: false, note: wasTaken(said).note } : { got: true, note: "open" };
}

/** CBOR: an array of so many empty maps. */
function itemBomb(items: number): Uint8Array {
  const bytes = new Uint8Array(5 + items).fill(0xa0);
  bytes[0] = 0x9a;
  new DataView(bytes.buffer).setUint32(1, items);
  return bytes;
}

const query = (bytes: number): HopMessage => ({
  type: "query",
  queryId: sodium.randombytes_buf(16),
  deadlineMs: 1000,
  parties: ["alpha"],
  body: new Uint8Array(bytes),
});

const garbage = new Uint8Array(300).fill(0xff);
const shared = { mode: "private", expected: "prevented" } as const;
const anybody = { ...shared, baselineIs: "a coordinator that believes every name" };
const unlimited = { ...shared, baselineIs: "a coordinator without limits" };
const fragile = { ...shared, baselineIs: "a coordinator that its decoder's exception ends" };

export const actsOnConnections: readonly Act<Door>[] = [
  {
    ...anybody,
    name: "somebody who is not in the federation's file connects",
    who: "a stranger",
    wants: "to be a member",
    note: "the coordinator: NOT_A_MEMBER",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.enter({ name: "stranger", key: "own" })),
  },
  {
    ...anybody,
    name: "somebody connects in a member's name",
    who: "a stranger",
    wants: "to be that member",
    note: "the coordinator: HANDSHAKE_FAILED",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.enter({ name: "asker", key: "own" })),
  },
  {
    ...anybody,
    name: "a member of another federation connects",
    who: "a stranger",
    wants: "to be a member",
    note: "the coordinator: FEDERATION_MISMATCH",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.enter({ name: "asker", key: "other federation" })),
  },
  {
    ...anybody,
    name: "the protocol's version is lowered on the way",
    who: "a stranger",
    wants: "both sides speak an older version",
    note: "the coordinator: VERSION_UNSUPPORTED",
    baselineIs: "a coordinator that speaks every version",
    run: async (door: Door): Promise<Outcome> =>
      wasTaken(await door.enter({ name: "asker", key: "member", protocol: 1 })),
  },
  {
    ...anybody,
    name: "a party runs a coordinator of its own",
    who: "a party",
    wants: "members take it for theirs",
    note: "the querier: WRONG_ROLE",
    baselineIs: "a member that asks nobody who they are",
    run: async (door: Door): Promise<Outcome> => {
      const said = await door.visitImpostor();
      return said === "taken" ? wasTaken(said) : { got: false, note: `the querier: ${said}` };
    },
  },
  {
    ...anybody,
    name: "a party asks a question",
    who: "a party",
    wants: "answers, though it is no querier",
    note: "the coordinator: WRONG_ROLE",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.say("alpha", query(100))),
  },
  {
    ...anybody,
    name: "a querier offers to answer questions",
    who: "a member",
    wants: "to be asked, though it is no party",
    note: "the coordinator: WRONG_ROLE",
    run: async (door: Door): Promise<Outcome> =>
      wasTaken(await door.say("asker", { type: "serve", encoder: new Uint8Array(32) })),
  },
  {
    ...anybody,
    name: "a member speaks for the coordinator",
    who: "a member",
    wants: "others believe what it says of who is there",
    note: "the coordinator: MESSAGE_UNKNOWN",
    run: async (door: Door): Promise<Outcome> =>
      wasTaken(await door.say("asker", { type: "roster", parties: ["asker"] })),
  },
  {
    ...fragile,
    name: "malformed bytes before the handshake",
    who: "a stranger",
    wants: "the service ends",
    note: "the coordinator: HANDSHAKE_FAILED",
    run: async (door: Door): Promise<Outcome> => endsService(door, await door.knock(garbage)),
  },
  {
    ...fragile,
    name: "a malformed message after the handshake",
    who: "a member",
    wants: "the service ends",
    note: "the coordinator: FRAME_MALFORMED",
    run: async (door: Door): Promise<Outcome> => endsService(door, await door.say("asker", garbage)),
  },
  {
    ...unlimited,
    name: "a megabyte before the handshake",
    who: "a stranger",
    wants: "the coordinator takes it into memory",
    note: "the coordinator: LIMIT_EXCEEDED",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.knock(encodeValue(new Uint8Array(1024 * 1024)))),
  },
  {
    ...unlimited,
    name: "a message larger than a frame may be",
    who: "a member",
    wants: "the coordinator takes it into memory",
    note: "the coordinator: cut off",
    run: async (door: Door): Promise<Outcome> =>
      wasTaken(await door.say("asker", encodeValue(new Uint8Array(limits.frameBytesMax + 4096)))),
  },
  {
    ...unlimited,
    name: "a megabyte that unpacks to a million empty things",
    who: "a member",
    wants: "the coordinator builds them",
    note: "the coordinator: FRAME_TOO_LARGE",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.say("asker", itemBomb(2 ** 20))),
  },
  {
    ...unlimited,
    name: "a message in twenty thousand parts",
    who: "a member",
    wants: "the coordinator keeps them all",
    note: "the coordinator: cut off",
    run: async (door: Door): Promise<Outcome> =>
      wasTaken(await door.say("asker", encodeValue(new Uint8Array(40_000)), 40_000)),
  },
  {
    ...unlimited,
    name: "a question larger than any of this federation",
    who: "a member",
    wants: "the queues of the parties fill up",
    note: "the coordinator: FRAME_TOO_LARGE",
    run: async (door: Door): Promise<Outcome> => wasTaken(await door.say("asker", query(4 * 1024 * 1024))),
  },
  {
    ...unlimited,
    name: "more connections than a member may have",
    who: "a member",
    wants: "the coordinator holds them all",
    note: "the coordinator: LIMIT_EXCEEDED",
    run: async (door: Door): Promise<Outcome> =>
      wasTaken(await door.crowd("asker", limits.connectionsPerMemberMax + 1)),
  },
  {
    ...unlimited,
    name: "256 connections that say nothing",
    who: "a stranger",
    wants: "members who come are not admitted while they last",
    note: "the coordinator drops the oldest of them",
    baselineIs: "a coordinator with as many sockets and no deadline",
    run: async (door: Door): Promise<Outcome> =>
      (await door.admitsBeside(limits.handshakesMax))
        ? { got: false, note: "the coordinator drops the oldest of them" }
        : { got: true, note: "members are kept out" },
  },
];
