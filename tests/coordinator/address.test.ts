import { describe, expect, test } from "@jest/globals";
import { join } from "node:path";
import { adviceOnAddress, refusePlainText } from "../../cli/coordinator-address.ts";
import { Cli, expectRefusal, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const of = (...coordinatorUrls: string[]) =>
  ({ terms: { coordinatorUrls } }) as unknown as Parameters<typeof refusePlainText>[0];
const at = (changes: object = {}) => ({
  port: 7400,
  host: "127.0.0.1",
  isTls: false,
  behindTlsProxy: false,
  ...changes,
});
const WSS = "wss://hub.example:7400";

describe("a coordinator without a certificate", () => {
  const refused = (federation: ReturnType<typeof of>, changes: object = {}) => {
    try {
      refusePlainText(federation, at(changes));
      return null;
    } catch (error) {
      expect((error as Error).message).toMatch(/--tls-cert.*--behind-tls-proxy/);
      return (error as { code: string }).code;
    }
  };
  test("is refused where members come by wss, unless a proxy ends it", () => {
    expect(refused(of(WSS))).toBe("TLS_MISSING");
    expect(refused(of(WSS), { isTls: true })).toBeNull();
    expect(refused(of(WSS), { behindTlsProxy: true, port: 9000 })).toBeNull();
    expect(refused(of(WSS), { port: 9000 })).toBe("TLS_MISSING");
    expect(refused(of("ws://hub.example:7400"))).toBeNull();
  });
  test("is judged by the addresses that can be its own", () => {
    expect(refused(of("ws://hub.example:7400", "wss://standby.example:7401"))).toBeNull();
    expect(refused(of("ws://hub.example:7400", "wss://standby.example:7401"), { port: 7401 })).toBe("TLS_MISSING");
    expect(refused(of("ws://hub.example:7400", WSS))).toBeNull();
    expect(refused(of("wss://hub.example"), { port: 443 })).toBe("TLS_MISSING");
  });
});

test.each([
  ["127.0.0.1", "ws://hub.example:7400", true],
  ["::1", "ws://hub.example:7400", true],
  ["0.0.0.0", "ws://hub.example:7400", false],
  ["192.0.2.1", "ws://hub.example:7400", false],
  ["127.0.0.1", "ws://localhost:7400", false],
  ["127.0.0.1", "ws://[::1]:7400", false],
])("listening on %s where members come to %s: advice is given: %s", (host, url, isAdvised) => {
  expect(adviceOnAddress(of(url), at({ host }))).toEqual(isAdvised ? expect.stringMatching(/--host 0\.0\.0\.0/) : null);
  expect(adviceOnAddress(of(url), at({ host, behindTlsProxy: true }))).toBeNull();
});

test("the command refuses, takes a person's word for a proxy, and warns", async () => {
  using folder = temporaryFolder();
  const hub = join(folder.path, "hub");
  const found = async (name: string, url: string): Promise<void> => {
    const dir = join(folder.path, name);
    const created = await sottoOutput(["federation", "create", name, "--coordinator-url", url, "--dir", dir]);
    const root = /^ {2}(\S{44})$/m.exec(created)?.[1] ?? "";
    await sottoOutput(["federation", "add", "hub", "--key", key, "--role", "coordinator", "--dir", dir]);
    await sottoOutput(["federation", "join", join(dir, "federation.json"), "--root", root, "--dir", hub]);
  };
  const key = /--key (\S+)/.exec(await sottoOutput(["init", "hub", "--dir", hub]))?.[1] ?? "";
  const command = ["coordinator", "--no-audit", "--dir", hub, "--port", "0"];
  await found("with", "wss://hub.example:7400");
  await expectRefusal(command, { fault: "TLS_MISSING", says: /wss:\/\/hub\.example:7400, with TLS.*--tls-cert/ });
  await using proxied = new Cli([...command, "--behind-tls-proxy"]);
  await proxied.printed(/"listening"/);
  expect((await proxied.stop()).stderr).not.toMatch(/"level":40/);
  await found("without", "ws://hub.example:7400");
  await using alone = new Cli(command);
  await alone.printed(/"level":40.*only this machine reaches it.*--host 0\.0\.0\.0/);
}, 60_000);
