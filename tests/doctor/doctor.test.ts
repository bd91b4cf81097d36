import { expect, test } from "@jest/globals";
import { chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { writeConfig } from "../../party-node/node-folder.ts";
import { FederationByHand } from "../e2e/federation-by-hand.ts";
import { Authority, hasOpenssl } from "../support/authority.ts";
import { Cli, type CliOptions, sotto, sottoOutput } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Report {
  readonly healthy: boolean;
  readonly findings: readonly { readonly check: string; readonly state: string; readonly says: string }[];
  readonly code: number | null;
}

async function doctor(dir: string, options: CliOptions = {}): Promise<Report> {
  const { code, stdout, stderr } = await sotto(["doctor", "--json", "--dir", dir], options);
  // Drivers that are not there say so; that is none of the reader's business.
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as Omit<Report, "code">), code };
}
const finding = ({ findings }: Report, check: string) => findings.find((one) => one.check === check);
const badOnes = ({ findings }: Report): string[] =>
  findings.filter(({ state }) => state !== "ok").map(({ check, state }) => `${check} ${state}`);

/** The folder of a member, as `init` and `join` would leave it. */
function memberFolder(f: TestFederation, name: string, dir: string, more: Record<string, string> = {}): string {
  mkdirSync(dir);
  copyFileSync(f.keyPath(name), join(dir, "node.key"));
  chmodSync(join(dir, "node.key"), 0o600);
  writeFileSync(join(dir, "federation.json"), f.file);
  writeConfig(dir, { name, rootPublicKey: f.rootPublicKey, ...more });
  return dir;
}
const start = async (): Promise<TestFederation> =>
  TestFederation.start({ corpora: {}, encoder: await openEncoder("lexical:64") });

test("a node in good health, and what is wrong with it otherwise", async () => {
  using folder = temporaryFolder();
  await using f = await start();
  const dir = memberFolder(f, "asker", join(folder.path, "asker"), { coordinatorUrl: f.urls[0] ?? "" });
  const report = await doctor(dir);
  expect(badOnes(report)).toEqual([]);
  expect(report).toMatchObject({ healthy: true, code: 0 });
  expect(finding(report, "coordinator")?.says).toBe(`${f.urls[0] ?? ""} answers, and admits this node`);
  expect(finding(report, "key files")?.says).toMatch(/^1, /);
  expect(finding(report, "device")?.says).toMatch(/^ONNX models run on (cuda|webgpu|cpu)/);

  writeFileSync(join(dir, "keyring.json"), "{}", { mode: 0o644 });
  writeFileSync(join(dir, "federation-root.key"), "", { mode: 0o600 });
  const behind = `const Real = Date, back = 3_600_000;
    globalThis.Date = class extends Real {
      constructor(...given) { super(...(given.length ? given : [Real.now() - back])); }
      static now() { return Real.now() - back; }
    };`;
  const [open, early, device] = await Promise.all([
    doctor(dir),
    doctor(dir, { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(behind)}` } }),
    doctor(dir, { env: { SOTTO_DEVICE: "tpu" } }),
  ]);
  expect(badOnes(open)).toEqual(["key files broken"]);
  expect(finding(open, "key files")?.says).toMatch(/Run: chmod 600 \S+keyring\.json$/);
  expect(open).toMatchObject({ healthy: false, code: 1 });
  expect(finding(early, "clock")).toMatchObject({
    state: "broken",
    says: expect.stringMatching(/set it \(NTP\)/),
  });
  expect(finding(device, "onnxruntime")).toMatchObject({
    state: "broken",
    says: expect.stringMatching(/unset it/),
  });
}, 60_000);

(hasOpenssl() ? test : test.skip)(
  "certificates: one to renew, one of another name, one of a strange authority",
  async () => {
    using folder = temporaryFolder();
    using authority = new Authority();
    using stranger = new Authority();
    await using f = await start();
    const hub = memberFolder(f, "hub", join(folder.path, "hub"));
    const serve = async ({
      certPath,
      keyPath,
    }: {
      readonly certPath: string;
      readonly keyPath: string;
    }): Promise<[Cli, string]> => {
      const tls = ["--tls-cert", certPath, "--tls-key", keyPath];
      const cli = new Cli(["coordinator", "--no-audit", "--dir", hub, "--port", "0", ...tls]);
      return [cli, `wss://localhost:${(await cli.printed(/"port":(\d+).*"listening"/))[1] ?? ""}`];
    };
    const check = (name: string, coordinatorUrl: string, ca = authority.path): Promise<Report> =>
      doctor(memberFolder(f, "asker", join(folder.path, name), { coordinatorUrl, ca }));
    const [good, goodUrl] = await serve(authority.certificate("good", "DNS:localhost", ["-days", "90"]));
    const [short, shortUrl] = await serve(authority.certificate("short", "DNS:localhost", ["-days", "5"]));
    const [other, otherUrl] = await serve(authority.certificate("other", "DNS:hub.example", ["-days", "90"]));
    await using _all = {
      [Symbol.asyncDispose]: async () => {
        await Promise.all([good, short, other].map((c) => c.stop()));
      },
    };

    const [fine, ending, misnamed, strange] = await Promise.all([
      check("fine", goodUrl),
      check("ending", shortUrl),
      check("misnamed", otherUrl),
      check("strange", goodUrl, stranger.path),
    ]);
    expect(badOnes(fine)).toEqual([]);
    expect(finding(fine, "certificate")?.says).toMatch(/for DNS:localhost, until 20\d\d-/);
    expect(badOnes(ending)).toEqual(["certificate advice"]);
    expect(ending.code).toBe(0);
    expect(finding(misnamed, "coordinator")?.says).toMatch(/^CERTIFICATE_NAME/);
    expect(finding(misnamed, "certificate")).toMatchObject({ state: "broken" });
    expect(finding(strange, "coordinator")?.says).toMatch(/^CERTIFICATE_UNTRUSTED/);
    expect(finding(strange, "certificate")).toMatchObject({ state: "broken" });
  },
  60_000,
);

test("a node that was put back from before its key was replaced is told so, and one that was removed", async () => {
  using folder = temporaryFolder();
  await using federation = await FederationByHand.found({
    folder: folder.path,
    members: { hub: "coordinator", clinic: "querier" },
  });
  const [dir, backup] = [federation.dir("clinic"), join(folder.path, "backup")];
  cpSync(dir, backup, { recursive: true });
  await sottoOutput(["federation", "rotate-key", "--dir", dir]);
  const coordinatorOf = async (folderOf: string) => finding(await doctor(folderOf), "coordinator");
  expect(await coordinatorOf(dir)).toMatchObject({ state: "ok", says: expect.stringMatching(/admits this node$/) });
  expect(await coordinatorOf(backup)).toMatchObject({
    state: "broken",
    says: expect.stringMatching(/^HANDSHAKE_FAILED: .*Put the newest node\.key and federation\.json back/),
  });
  await sottoOutput(["federation", "remove", "clinic", "--dir", folder.path]);
  const publish = ["federation", "join", federation.file, "--root", federation.rootKey, "--dir", federation.dir("hub")];
  await sottoOutput(publish);
  await federation.coordinator.printed(/federation changed[^]*federation changed/);
  expect(await coordinatorOf(backup)).toMatchObject({
    state: "broken",
    says: expect.stringMatching(/^NOT_A_MEMBER: .*Ask the founder/),
  });
}, 60_000);

test("a certificate is not judged where nobody answers", async () => {
  using folder = temporaryFolder();
  await using f = await start();
  const dir = memberFolder(f, "asker", join(folder.path, "asker"), { coordinatorUrl: "wss://localhost:1" });
  const report = await doctor(dir);
  expect(finding(report, "coordinator")?.says).toMatch(/^CONNECTION_REFUSED/);
  expect(finding(report, "certificate")).toMatchObject({
    state: "advice",
    says: expect.stringMatching(/could not be reached; see the coordinator's line/),
  });
});

test("a coordinator's port: free, and taken by something else", async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const squatter = createServer().listen(0);
  await once(squatter, "listening");
  const { port } = squatter.address() as { port: number };
  const key = /--key (\S+)/.exec(await sottoOutput(["init", "hub", "--dir", at("hub")]))?.[1] ?? "";
  const created = await sottoOutput([
    "federation",
    "create",
    "Port",
    "--coordinator-url",
    `ws://127.0.0.1:${String(port)}`,
    "--dir",
    at(""),
  ]);
  const root = /^ {2}(\S{44})$/m.exec(created)?.[1] ?? "";
  await sottoOutput(["federation", "add", "hub", "--key", key, "--role", "coordinator", "--dir", at("")]);
  await sottoOutput(["federation", "join", at("federation.json"), "--root", root, "--dir", at("hub")]);
  squatter.on("connection", (socket) => socket.destroy());
  expect(finding(await doctor(at("hub")), "port")).toMatchObject({
    state: "broken",
    says: expect.stringMatching(/taken by another program/),
  });
  squatter.close();
  await once(squatter, "close");
  const report = await doctor(at("hub"));
  expect(finding(report, "port")).toMatchObject({ state: "ok", says: `${String(port)} is free` });
  expect(finding(report, "coordinator")?.says).toMatch(/`sotto coordinator` starts this one$/);
}, 60_000);
