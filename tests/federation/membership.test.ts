import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Coordinator } from "../../coordinator/index.ts";
import { sodium } from "../../crypto/index.ts";
import { type Federation, type FederationTerms, hashOf, signChange, writeFederation } from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";
import { corpus } from "./corpora.ts";

/*
 * Members come and go while everybody runs: whoever has the founder's newer file tells the others.
 */

const QUESTION = "a question of letters";
const open: TestFederation[] = [];
afterEach(async () => {
  for (const federation of open.splice(0)) await federation[Symbol.asyncDispose]();
});

/** With the coordinator's own copy of the federation, as its operator changes it. */
async function start(): Promise<{ readonly f: TestFederation; readonly hub: Federation }> {
  const hubs: Federation[] = [];
  const f = await TestFederation.start({
    corpora: { alpha: corpus("alpha", 8), beta: corpus("beta", 8) },
    queriers: ["asker", "late"],
    makeCoordinator: (options) => {
      hubs.push(options.federation);
      return new Coordinator(options);
    },
  });
  open.push(f);
  return { f, hub: hubs[0]! };
}

const without =
  (name: string) =>
  ({ members }: FederationTerms) => ({
    members: members.filter((member) => member.name !== name),
  });
const rolesOf = (name: string, roles: FederationTerms["members"][number]["roles"]) => (terms: FederationTerms) => ({
  members: terms.members.map((member) => (member.name === name ? { ...member, roles } : member)),
});

describe("who is removed", () => {
  test("is disconnected at once, knows why, and is not let in again", async () => {
    const { f, hub } = await start();
    const asker = await f.dial("asker");
    await asker.message("roster");
    expect(hub.update(f.revised(without("asker")))).toBe(true);
    expect(await asker.closed).toBe("CONNECTION_LOST");
    expect(await asker.message("goodbye")).toMatchObject({ code: "NOT_A_MEMBER" });
    expect(await asker.message("federation")).toMatchObject({ file: hub.file });
    expect(await (await f.dial("asker")).closed).toBe("NOT_A_MEMBER");
  });

  test("gets no answer from a party that knows, whoever carries the question", async () => {
    const { f } = await start();
    const client = await f.client("asker");
    expect((await client.query(QUESTION).result).parties.map(({ status }) => status)).toEqual(["answered", "answered"]);
    f.party("alpha").federation.update(f.revised(without("asker")));
    const { parties } = await client.query(QUESTION).result;
    expect(parties.find(({ party }) => party === "alpha")).toMatchObject({
      status: "missing",
      fault: { code: "SIGNATURE_INVALID" },
    });
    expect(parties.find(({ party }) => party === "beta")).toMatchObject({ status: "answered" });
  });

  test("ends as a party, and says so", async () => {
    const { f, hub } = await start();
    hub.update(f.revised(without("alpha")));
    await expect(f.party("alpha").ended).rejects.toMatchObject({
      code: "NOT_A_MEMBER",
      message: expect.stringMatching(/has removed "alpha".*ask the founder for a new invitation/),
    });
    const client = await f.client("asker");
    const { parties } = await client.query(QUESTION).result;
    expect(parties).toMatchObject([{ party: "beta", status: "answered" }]);
  });
});

describe("who is changed", () => {
  test("comes again by itself, with what it is now", async () => {
    const { f, hub } = await start();
    const client = await f.client("asker");
    hub.update(f.revised(rolesOf("alpha", ["party", "querier"])));
    await until(() => f.party("alpha").federation.hasRole("alpha", "querier"));
    const answered = async (): Promise<number> =>
      (await client.query(QUESTION).result).parties.filter(({ status }) => status === "answered").length;
    while ((await answered()) < 2) await sleep(50);
  });
});

describe("a newer file", () => {
  test("reaches everybody who is connected, and whoever comes later", async () => {
    const { f, hub } = await start();
    const client = await f.client("asker");
    const file = f.revised(() => ({ coordinatorUrls: ["ws://127.0.0.1:2"] }));
    hub.update(file);
    await until(() => ["alpha", "beta"].every((name) => f.party(name).federation.file === file));
    const late = f.copy();
    await f.client("late", { federation: late });
    await until(() => late.file === file);
    expect((await client.query(QUESTION).result).parties).toMatchObject([
      { status: "answered" },
      { status: "answered" },
    ]);
  });

  test("may be brought by any member, for the founder signed it", async () => {
    const { f, hub } = await start();
    const file = f.revised(without("late"));
    const newest = f.copy();
    newest.update(file);
    await f.client("asker", { federation: newest });
    await until(() => hub.file === file && f.party("beta").federation.file === file);
    expect(await (await f.dial("late")).closed).toBe("NOT_A_MEMBER");
  });

  test("that the founder did not sign ends its bringer's connection, and changes nothing", async () => {
    const { f, hub } = await start();
    const { founding, changes } = hub.log;
    const stranger = sodium.crypto_sign_keypair().privateKey;
    const action = { type: "member-removed" as const, name: "late" };
    const content = { sequence: 6, previous: hashOf(changes.at(-1)!), time: founding.time, action };
    const forged = writeFederation({ ...hub.log, changes: [...changes, signChange(content, hub.id, stranger)] });
    const asker = await f.dial("asker", (message, connection) => {
      if (message.type === "roster") connection.send({ type: "federation", file: forged });
    });
    expect(await asker.message("goodbye")).toMatchObject({ code: "FEDERATION_TAMPERED" });
    expect(hub.terms.revision).toBe(6);
    expect((await f.dial("late")).connection.peer).toBe("hub");
  });

  test("that is older changes nothing", async () => {
    const { f, hub } = await start();
    const old = hub.file;
    hub.update(f.revised(without("late")));
    const asker = await f.dial("asker", (message, connection) => {
      if (message.type !== "roster") return;
      connection.send({ type: "federation", file: old });
      connection.send({ type: "federation-revision", revision: 6, digest: new Uint8Array(32) });
    });
    await asker.message("federation");
    expect(hub.terms.revision).toBe(7);
    expect(hub.update(old)).toBe(false);
  });
});
