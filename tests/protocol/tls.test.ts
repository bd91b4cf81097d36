import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Coordinator } from "../../coordinator/index.ts";
import { dial } from "../../protocol/index.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { IndependentFederation, IndependentQuerier } from "./independent/client.ts";

const silent = pino({ level: "silent" });
const code = (expected: string) => expect.objectContaining({ code: expected });

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** An authority of its own and certificates by it, made by the openssl program. */
class Authority implements Disposable {
  readonly #folder = temporaryFolder();
  readonly path = join(this.#folder.path, "ca.pem");

  constructor() {
    this.#openssl(
      "req",
      "-x509",
      ...this.#newKey("ca"),
      "-subj",
      "/CN=test authority",
      "-days",
      "2",
      "-out",
      this.path,
    );
  }

  get pem(): string {
    return readFileSync(this.path, "utf8");
  }

  /** @param names - As openssl has them: `IP:127.0.0.1,DNS:localhost`. */
  certificate(name: string, names: string, validity: readonly string[] = ["-days", "2"]) {
    const file = (suffix: string): string => join(this.#folder.path, `${name}.${suffix}`);
    writeFileSync(file("ext"), `subjectAltName=${names}\n`);
    this.#openssl("req", ...this.#newKey(name), "-subj", `/CN=${name}`, "-out", file("csr"));
    const signing = ["-CA", this.path, "-CAkey", join(this.#folder.path, "ca.key"), "-CAcreateserial"];
    this.#openssl(
      "x509",
      "-req",
      "-in",
      file("csr"),
      ...signing,
      ...validity,
      "-extfile",
      file("ext"),
      "-out",
      file("pem"),
    );
    return {
      certPath: file("pem"),
      keyPath: file("key"),
      cert: readFileSync(file("pem"), "utf8"),
      key: readFileSync(file("key"), "utf8"),
    };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #newKey(name: string): string[] {
    return [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      join(this.#folder.path, `${name}.key`),
    ];
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { stdio: "ignore" });
  }
}

const inTests = hasOpenssl() ? describe : describe.skip;

inTests("wss, with certificates that openssl makes", () => {
  let f: TestFederation;
  let authority: Authority;
  const coordinators: Coordinator[] = [];
  beforeAll(async () => {
    f = await TestFederation.start({ corpora: {}, mode: "clear" });
    authority = new Authority();
  });
  afterAll(async () => {
    await Promise.all(coordinators.map((one) => one.close()));
    await f[Symbol.asyncDispose]();
    authority[Symbol.dispose]();
  });

  async function serve(tls: { readonly cert: string; readonly key: string }) {
    const coordinator = new Coordinator({ identity: f.identity("hub"), federation: f.federation, log: silent, tls });
    coordinators.push(coordinator);
    const port = await coordinator.listen(0, "127.0.0.1");
    return { coordinator, port, url: `wss://127.0.0.1:${String(port)}` };
  }

  const member = (ca?: string) => ({ identity: f.identity("asker"), federation: f.federation, ca });

  test("a member with the authority's certificate is admitted, and so is a client of another make", async () => {
    const { url } = await serve(authority.certificate("hub", "IP:127.0.0.1"));
    const connection = await dial(url, member(authority.pem));
    expect(connection.peer).toBe("hub");
    connection.close();
    const independent = new IndependentFederation(f.file, f.rootPublicKey);
    const self = { name: "asker", seed: f.identity("asker").secretKey.slice(0, 32) };
    const other = await IndependentQuerier.connect(url, independent, self, { ca: authority.pem });
    expect(other.roster).toEqual([]);
    other.close();
  });

  test("a renewed certificate is shown to who comes next, and connections there are go on", async () => {
    const { coordinator, port, url } = await serve(authority.certificate("old", "IP:127.0.0.1"));
    const before = await dial(url, member(authority.pem));
    const lost: string[] = [];
    before.listen(
      () => undefined,
      (why) => lost.push(why.code),
    );
    expect(() => {
      coordinator.renewCertificate({ cert: "no certificate", key: "no key" });
    }).toThrow(code("CERTIFICATE_MALFORMED"));
    coordinator.renewCertificate(authority.certificate("new", "IP:127.0.0.1"));
    const socket = connectTls({ port, host: "127.0.0.1", ca: authority.pem });
    await once(socket, "secureConnect");
    expect(socket.getPeerCertificate().subject.CN).toBe("new");
    expect(socket.getProtocol()).toBe("TLSv1.3");
    socket.destroy();
    expect(lost).toEqual([]);
    before.close();
  });

  const rows: readonly {
    id: string;
    names: string;
    validity?: readonly string[];
    trusted: boolean;
    fault: string;
    says: RegExp;
  }[] = [
    {
      id: "of an authority that is not trusted",
      names: "IP:127.0.0.1",
      trusted: false,
      fault: "CERTIFICATE_UNTRUSTED",
      says: /--ca FILE/,
    },
    {
      id: "for another host name",
      names: "DNS:elsewhere.example",
      trusted: true,
      fault: "CERTIFICATE_NAME",
      says: /--coordinator-url/,
    },
    {
      id: "that has expired",
      names: "IP:127.0.0.1",
      validity: ["-days", "-1"],
      trusted: true,
      fault: "CERTIFICATE_EXPIRED",
      says: /clock.*renew/,
    },
  ];

  test.each(rows)("a certificate $id is refused", async ({ id, names, validity, trusted, fault, says }) => {
    const { url } = await serve(authority.certificate(id.replaceAll(" ", "-"), names, validity));
    const dialled = dial(url, member(trusted ? authority.pem : undefined));
    await expect(dialled).rejects.toThrow(code(fault));
    await expect(dialled).rejects.toThrow(says);
  });

  test("a good certificate does not stand in for the coordinator's own key", async () => {
    const impostor = new Coordinator({
      identity: { ...f.identity("asker"), name: "hub" },
      federation: f.federation,
      log: silent,
      tls: authority.certificate("impostor", "IP:127.0.0.1"),
    });
    coordinators.push(impostor);
    const url = `wss://127.0.0.1:${String(await impostor.listen(0, "127.0.0.1"))}`;
    await expect(dial(url, member(authority.pem))).rejects.toThrow(code("HANDSHAKE_FAILED"));
  });

  test("a key that is not the certificate's stops the coordinator", () => {
    const { cert } = authority.certificate("one", "IP:127.0.0.1");
    const { key } = authority.certificate("two", "IP:127.0.0.1");
    const start = () =>
      new Coordinator({ identity: f.identity("hub"), federation: f.federation, log: silent, tls: { cert, key } });
    expect(start).toThrow(code("CERTIFICATE_MALFORMED"));
    expect(start).toThrow(/--tls-key/);
  });

  test("wss to a coordinator without TLS, and ws to one with it, come to nothing", async () => {
    await expect(dial(f.url.replace("ws:", "wss:"), member(authority.pem))).rejects.toThrow(code("TLS_FAILED"));
    const { url } = await serve(authority.certificate("plain", "IP:127.0.0.1"));
    await expect(dial(url.replace("wss:", "ws:"), member())).rejects.toThrow(code("CONNECTION_REFUSED"));
  });
});
