import { expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import { HostedCollections } from "../../party-node/hosting/hosted-collections.ts";
import { openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
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
