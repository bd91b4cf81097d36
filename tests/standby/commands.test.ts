import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { federationPort } from "../../cli/coordinator.ts";
import { openOperation } from "../../cli/operation.ts";
import { openNode, openNodeFolder, writeConfig } from "../../party-node/node-folder.ts";
import { type FederationTerms, readFederation } from "../../protocol/index.ts";
import { pino } from "pino";
import { expectUsageError, sottoOutput } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const HUB = "ws://hub.example:7400";
const STANDBY = "ws://standby.example:7401";

test("a federation is founded with several coordinators, and told of others later", async () => {
  using folder = temporaryFolder();
  const dir = ["--dir", folder.path];
  const termsOf = (): FederationTerms => {
    const file = readFileSync(join(folder.path, "federation.json"), "utf8");
    const { founding } = JSON.parse(file) as { founding: { rootPublicKey: string } };
    return readFederation(file, founding.rootPublicKey).state.terms;
  };
  await Promise.all([
    sottoOutput(["federation", "create", "Two", "--coordinator-url", HUB, "--coordinator-url", STANDBY, ...dir]),
    expectUsageError(
      ["federation", "create", "Two", "--coordinator-url", HUB, "--coordinator-url", HUB, "--dir", `${folder.path}/b`],
      /given before/,
    ),
  ]);
  const { coordinatorUrls, revision } = termsOf();
  expect(coordinatorUrls).toEqual([HUB, STANDBY]);
  const said = await sottoOutput(["federation", "coordinators", STANDBY, HUB, ...dir]);
  expect(said).toContain("start it again");
  expect(termsOf()).toMatchObject({ coordinatorUrls: [STANDBY, HUB], revision: revision + 1 });
});

test("a coordinator listens where members are told to come, or asks for --port", () => {
  const port = (...coordinatorUrls: string[]): number =>
    federationPort({ terms: { coordinatorUrls } as unknown as FederationTerms });
  expect([port(HUB), port(HUB, "ws://other.example:7400"), port("wss://a", "wss://b")]).toEqual([7400, 7400, 443]);
  expect(() => port(HUB, STANDBY)).toThrow(expect.objectContaining({ code: "PORT_UNKNOWN" }));
});

test("a node's own address is one, or a list", () => {
  using folder = temporaryFolder();
  for (const coordinatorUrl of [HUB, [HUB, STANDBY]]) {
    writeConfig(folder.path, { name: "alpha", coordinatorUrl });
    expect(openNodeFolder(folder.path).config.coordinatorUrl).toEqual(coordinatorUrl);
  }
  writeConfig(folder.path, { name: "alpha", coordinatorUrl: [] });
  expect(() => openNodeFolder(folder.path)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }));
});

test("/healthz and /metrics of a node say which coordinators it reaches", async () => {
  using folder = temporaryFolder();
  await using f = await TestFederation.start({ corpora: { alpha: { a: "b" } }, coordinators: ["hub", "standby"] });
  await f.stopCoordinator("hub");
  writeFileSync(join(folder.path, "federation.json"), f.file);
  const { rootPublicKey } = f;
  writeConfig(folder.path, { name: "alpha", key: f.keyPath("alpha"), rootPublicKey, coordinatorUrl: [...f.urls] });
  const lines: { port?: number }[] = [];
  const party = f.party("alpha");
  await using _operation = await openOperation({
    node: openNode(folder.path),
    role: "party",
    options: { audit: false, metricsPort: 0, metricsHost: "127.0.0.1", metricsMembers: false },
    log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as { port?: number }) }),
    isHealthy: () => party.coordinators.some(({ isListed }) => isListed),
    coordinators: () => party.coordinators,
  });
  const page = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${String(lines.find(({ port }) => port)?.port)}${path}`);
    return [response.status, await response.text()] as const;
  };
  const [hub, standby] = f.urls;
  expect(await page("/healthz")).toEqual([
    200,
    `ok\ncoordinator ${hub!} not reached\ncoordinator ${standby!} reached\n`,
  ]);
  const [, metrics] = await page("/metrics");
  expect(metrics).toContain(`sotto_coordinator_reached{coordinator="${hub!}"} 0\n`);
  expect(metrics).toContain(`sotto_coordinator_reached{coordinator="${standby!}"} 1\n`);
});
