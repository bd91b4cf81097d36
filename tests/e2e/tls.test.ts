import { once } from "node:events";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { expect, test } from "@jest/globals";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { openNode, readAuthority, writeConfig } from "../../party-node/node-folder.ts";
import { dial } from "../../protocol/index.ts";
import { Authority, hasOpenssl } from "../support/authority.ts";
import { Cli, sotto, sottoOutput } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

(hasOpenssl() ? test : test.skip)("wss by the command line, with certificates that openssl makes", async () => {
  using folder = temporaryFolder();
  using authority = new Authority();
  await using f = await TestFederation.start({ corpora: {}, encoder: await openEncoder("lexical:64") });
  const at = (...names: string[]): string => join(folder.path, ...names);
  for (const name of ["hub", "asker"]) {
    const dir = at(name);
    mkdirSync(dir);
    copyFileSync(f.keyPath(name), join(dir, "node.key"));
    writeFileSync(join(dir, "federation.json"), f.file);
    writeConfig(dir, { name, rootPublicKey: f.rootPublicKey });
  }
  expect(() => readAuthority(at("asker", "federation.json"))).toThrow(code("CERTIFICATE_MALFORMED"));
  expect(() => readAuthority(at("nowhere.pem"))).toThrow(/nowhere.pem.*authority/);

  const put = (name: string): void => {
    const { certPath, keyPath } = authority.certificate(name, "DNS:localhost");
    copyFileSync(keyPath, at("key.pem"));
    copyFileSync(certPath, at("cert.pem"));
  };
  put("first");
  const tls = ["--tls-cert", at("cert.pem"), "--tls-key", at("key.pem")];
  const hub = ["coordinator", "--dir", at("hub"), "--port", "0"];
  await using coordinator = new Cli([...hub, ...tls]);
  const port = Number((await coordinator.printed(/"port":(\d+).*"listening"/))[1]);
  const url = `wss://localhost:${String(port)}`;
  const joining = ["federation", "join", at("hub", "federation.json"), "--root", f.rootPublicKey, "--dir", at("asker")];
  await sottoOutput([...joining, "--coordinator-url", url, "--ca", authority.path]);

  const asker = openNode(at("asker"));
  expect(asker.coordinatorUrls).toEqual([url]);
  expect(asker.ca).toBe(authority.pem);
  const before = await dial(url, asker);
  const { stdout } = await sotto(["doctor", "--dir", at("asker")]);
  expect(stdout).toContain(`${url} answers`);

  put("second");
  coordinator.kill("SIGHUP");
  await coordinator.printed(/certificate renewed/);
  const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ca: authority.pem });
  await once(socket, "secureConnect");
  expect(socket.getPeerCertificate().subject.CN).toBe("second");
  socket.destroy();
  writeFileSync(at("cert.pem"), "half a certif");
  coordinator.kill("SIGHUP");
  await coordinator.printed(/CERTIFICATE_MALFORMED.*the old one is kept/);
  before.close();
  expect((await coordinator.stop()).code).toBe(0);
});
