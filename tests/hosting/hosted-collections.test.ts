import { expect, test } from "@jest/globals";
import { Fault, sodium } from "../../crypto/index.ts";
import { HostedCollections } from "../../party-node/hosting/hosted-collections.ts";
import { type SealedStore, openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
import { faultOf } from "../support/hosted.ts";
import { inFrontOf } from "../support/test-host.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("a collection is kept as its owner asked for it to be searched", async () => {
  using folder = temporaryFolder();
  const store = openSqliteSealedStore({ folder: folder.path });
  const collections = await HostedCollections.open(store, new Set(["clinic"]));
  for (const [byte, search] of [
    [1, "exact"],
    [2, "approximate"],
  ] as const) {
    const keyId = new Uint8Array(16).fill(byte);
    await collections.create("clinic", keyId, { dim: 9, search, scoring: null });
    const summaries = await store.collections();
    expect(summaries.find(({ id }) => id === sodium.to_hex(keyId))).toMatchObject({ dim: 9, search, owner: "clinic" });
  }
  await store.close();
});

test("a collection that could not be made wholly is not there, and can be made again", async () => {
  using folder = temporaryFolder();
  const store = openSqliteSealedStore({ folder: folder.path });
  const lies: Partial<SealedStore> = {
    writeAttachment: () => Promise.reject(new Fault("STORE_FULL", "the disk is full")),
  };
  const collections = await HostedCollections.open(inFrontOf(store, lies), new Set(["clinic"]));
  const keyId = new Uint8Array(16).fill(1);
  const create = () => collections.create("clinic", keyId, { dim: 9, search: "exact", scoring: null });
  expect((await faultOf(create())).code).toBe("STORE_FULL");
  expect(await store.collections()).toEqual([]);
  delete lies.writeAttachment;
  await create();
  expect(collections.forOwner("clinic", keyId).dim).toBe(9);
  await store.close();
});
