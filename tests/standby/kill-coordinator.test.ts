import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Fault } from "../../crypto/index.ts";
import type { QueryResult } from "../../party-node/asking/result.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { writeConfig } from "../../party-node/node-folder.ts";
import { corpus } from "../federation/corpora.ts";
import { Cli, sotto } from "../support/cli.ts";
import { TestFederation, until } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** The words of one passage. */
const QUESTION = corpus("alpha", 8)["alpha7"]!;
const COORDINATORS = ["hub", "standby"];
/** Queriers that ask one question after the other. */
const ASKERS = ["asker-0", "asker-1", "asker-2", "asker-3"];

/** A federation whose coordinators are `sotto coordinator`, on the ports that its parties and queriers know. */
async function start(folder: string) {
  const f = await TestFederation.start({
    corpora: { alpha: corpus("alpha", 40), beta: corpus("beta", 40) },
    // One that a command line can open.
    encoder: await openEncoder("lexical:256"),
    coordinators: COORDINATORS,
    queriers: ASKERS,
    absent: ["alpha", "beta"],
  });
  writeFileSync(join(folder, "federation.json"), f.file);
  for (const name of COORDINATORS) await f.stopCoordinator(name);
  const spawn = async (name: string): Promise<Cli> => {
    const port = new URL(f.urls[COORDINATORS.indexOf(name)]!).port;
    const cli = new Cli(["coordinator", "--dir", join(folder, name), "--port", port, "--no-audit"]);
    await cli.printed(/"listening"/);
    return cli;
  };
  for (const name of [...COORDINATORS, "alpha"]) {
    mkdirSync(join(folder, name));
    const joined = { federation: join(folder, "federation.json"), rootPublicKey: f.rootPublicKey };
    writeConfig(join(folder, name), { name, key: f.keyPath(name), coordinatorUrl: [...f.urls], ...joined });
  }
  const [hub] = await Promise.all(COORDINATORS.map(spawn));
  await Promise.all(["alpha", "beta"].map((name) => f.party(name).start()));
  return { f, hub: hub!, revive: () => spawn("hub") };
}

test("kill -9 of the first coordinator in the middle of questions loses none of them, and those that follow go through the standby", async () => {
  using folder = temporaryFolder();
  const { f, hub, revive } = await start(folder.path);
  await using _closing = f;
  const clients = await Promise.all(ASKERS.map((name) => f.client(name)));
  const ended: { readonly began: number; readonly at: number; readonly what: QueryResult | Fault }[] = [];
  const killed = { at: Infinity };
  const askOn = async (i: number): Promise<void> => {
    for (let after = 0; after < 3;) {
      const began = performance.now();
      const what = await clients[i]!.query(QUESTION).result.catch((error: unknown) => {
        if (error instanceof Fault) return error;
        throw error;
      });
      ended.push({ began, at: performance.now(), what });
      if (began > killed.at) after++;
    }
  };
  const asking = ASKERS.map((_, i) => askOn(i));
  await until(() => ended.length >= 2 * ASKERS.length);
  hub.kill("SIGKILL");
  killed.at = performance.now();
  await Promise.all(asking);

  const lost = ended.filter(({ what }) => what instanceof Fault || what.parties.some(({ fault }) => fault));
  const again = ended.filter(
    ({ what }) => !(what instanceof Fault) && what.parties.some(({ attempts = 1 }) => attempts > 1),
  );
  const first = ended.find(
    ({ at, began, what }) => at > killed.at && (began > killed.at || again.some((one) => one.what === what)),
  );
  process.stdout.write(
    `${String(ended.length)} questions, ${String(lost.length)} not answered in full, ${String(again.length)} asked again; first answer through the standby ${(first!.at - killed.at).toFixed(0)} ms after the kill\n`,
  );
  expect(lost.map(({ what }) => what)).toEqual([]);
  expect(again.length).toBeGreaterThan(0);
  for (const { what } of ended) expect((what as QueryResult).passages[0]?.text).toBe(QUESTION);

  const { stdout } = await sotto(["doctor", "--dir", join(folder.path, "alpha")]);
  expect(stdout).toMatch(new RegExp(`fix.*no coordinator answers at ${f.urls[0]!}.*\n.*ok.*${f.urls[1]!} answers`));
  const returned = performance.now();
  await using _hub = await revive();
  const isBack = (name: string): boolean => f.party(name).coordinators.every(({ isListed }) => isListed);
  await until(() => isBack("alpha") && isBack("beta"));
  process.stdout.write(`parties back ${(performance.now() - returned).toFixed(0)} ms after its start\n`);
});
