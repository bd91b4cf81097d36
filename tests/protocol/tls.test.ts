import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { WebSocket } from "ws";
import { Coordinator } from "../../coordinator/index.ts";
import { ClearScorer } from "../../crypto/index.ts";
import { PartyServer } from "../../party-node/serving/party-server.ts";
import { dial } from "../../protocol/index.ts";
import { Authority, hasOpenssl } from "../support/authority.ts";
import { TestFederation, until } from "../support/federation.ts";
import { IndependentFederation, IndependentQuerier } from "./independent/client.ts";

const silent = pino({ level: "silent" });
const code = (expected: string) => expect.objectContaining({ code: expected });

const inTests = hasOpenssl() ? describe : describe.skip;

inTests("wss, with certificates that openssl makes", () => {
  let f: TestFederation;
  let authority: Authority;
  const coordinators: Coordinator[] = [];
  beforeAll(async () => {
    f = await TestFederation.start({ corpora: { clinic: { a: "one" } }, mode: "clear", absent: ["clinic"] });
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

  test("a client and a party of the project are admitted through it, the party as soon as it trusts the authority", async () => {
    const { url } = await serve(authority.certificate("both", "IP:127.0.0.1"));
    const store = f.party("clinic").openStore();
    const party = {
      identity: f.identity("clinic"),
      federation: f.federation,
      store,
      index: new ClearScorer(f.layout),
      coordinatorUrls: [url],
      log: silent,
    };
    const [trusting, other] = [new PartyServer({ ...party, ca: authority.pem }), new PartyServer(party)];
    const ready: string[] = [];
    const running = [trusting.run(() => ready.push("trusting")), other.run(() => ready.push("other"))];
    await until(() => ready.length > 0);
    const client = await f.client("asker", { coordinatorUrls: [url], ca: authority.pem });
    expect([client.online, ready]).toEqual([["clinic"], ["trusting"]]);
    client.close();
    trusting.close();
    other.close();
    await Promise.all(running);
    store.close();
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
    const shown = [socket.getPeerCertificate().subject.CN, socket.getProtocol()];
    socket.destroy();
    before.close();
    expect(shown).toEqual(["new", "TLSv1.3"]);
    expect(lost).toEqual([]);
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

  test("a stranger's bytes are counted below TLS as well", async () => {
    const { url } = await serve(authority.certificate("counted", "IP:127.0.0.1"));
    const stranger = new WebSocket(url, { ca: authority.pem });
    stranger.on("error", () => undefined);
    await once(stranger, "open");
    stranger.send(new Uint8Array(1_000_000));
    expect((await once(stranger, "close"))[0]).toBe(1006);
  });

  test("wss to a coordinator without TLS, and ws to one with it, come to nothing", async () => {
    await expect(dial(f.url.replace("ws:", "wss:"), member(authority.pem))).rejects.toThrow(code("TLS_FAILED"));
    const { url } = await serve(authority.certificate("plain", "IP:127.0.0.1"));
    await expect(dial(url.replace("wss:", "ws:"), member())).rejects.toThrow(code("CONNECTION_REFUSED"));
  });
});
