import { afterAll, describe, expect, test } from "@jest/globals";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { agreeToEndpoint } from "../../cli/endpoint-agreement.ts";
import {
  EndpointAgreements,
  type ReachedEndpoint,
  parseEndpoint,
  reachEndpoint,
  readApiKey,
} from "../../party-node/answering/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
let files = 0;
const newPath = (): string => join(folder.path, `file-${String(files++)}`);
const code = (expected: string) => expect.objectContaining({ name: "Fault", code: expected });
const reach = (url: string, options = {}): Promise<ReachedEndpoint> => reachEndpoint(parseEndpoint(url), options);

describe("an endpoint's address", () => {
  test.each([
    ["http://localhost:11434/v1", "http://localhost:11434/v1"],
    ["http://LOCALHOST:11434/v1/", "http://localhost:11434/v1"],
    ["https://api.example.org:443/v1/chat/completions", "https://api.example.org/v1"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ])("%s is %s", (text, base) => {
    expect(parseEndpoint(text).base).toBe(base);
    expect(parseEndpoint(text).chatUrl.href).toBe(`${base}/chat/completions`);
  });

  test.each([
    "localhost:11434",
    "ftp://x/v1",
    "https://user:secret@x/v1",
    "https://x/v1?key=secret",
    "https://x/#a",
    "",
  ])("%p is refused, and not repeated", (text) => {
    expect(() => parseEndpoint(text)).toThrow(code("ENDPOINT_URL"));
    expect(() => parseEndpoint(text)).not.toThrow(/secret/);
  });

  test.each([
    "http://127.0.0.1:1",
    "http://127.8.9.1:1",
    "http://[::1]:1",
    "http://[::ffff:127.0.0.1]:1",
    "http://localhost:1",
  ])("%s is this machine", async (url) => {
    expect(await reach(url, { localOnly: true })).toMatchObject({ isLoopback: true });
  });

  test.each([
    "https://0.0.0.0:1",
    "https://192.0.2.1",
    "https://[2001:db8::1]:1",
    "https://128.0.0.1",
    "https://[::ffff:192.0.2.1]",
  ])("%s is not", async (url) => {
    expect(await reach(url)).toMatchObject({ isLoopback: false });
    await expect(reach(url, { localOnly: true })).rejects.toEqual(code("ENDPOINT_NOT_LOCAL"));
  });

  test("elsewhere needs TLS, unless somebody says otherwise", async () => {
    await expect(reach("http://192.0.2.1/v1")).rejects.toEqual(code("ENDPOINT_INSECURE"));
    expect(await reach("http://192.0.2.1/v1", { insecureHttp: true })).toMatchObject({ isLoopback: false });
  });

  test("that no name server knows is said to be so", async () => {
    await expect(reach("https://endpoint.invalid/v1")).rejects.toEqual(code("ENDPOINT_UNRESOLVED"));
  });

  test("is reached by no option that does not exist", async () => {
    await expect(reach("http://127.0.0.1:1", { localonly: true })).rejects.toThrow(TypeError);
  });
});

const elsewhere: ReachedEndpoint = {
  ...parseEndpoint("https://api.example.org/v1"),
  addresses: [{ address: "192.0.2.1", family: 4 }],
  isLoopback: false,
};
const other = { ...elsewhere, ...parseEndpoint("https://api.example.org/v2") };
const here = { ...elsewhere, isLoopback: true };

describe("an agreement", () => {
  test("is needed for what is elsewhere, once, and for that address alone", () => {
    const path = newPath();
    const agreements = new EndpointAgreements(path);
    expect(agreements.isNeeded(here)).toBe(false);
    expect(agreements.require(here)).toBe(here);
    expect(() => agreements.require(elsewhere)).toThrow(code("ENDPOINT_NOT_AGREED"));
    expect(agreements.require(elsewhere, { agreedNow: true })).toBe(elsewhere);
    expect(existsSync(path)).toBe(false);
    agreements.remember(elsewhere, new Date("2031-02-03T04:05:06Z"));
    const again = new EndpointAgreements(path);
    expect(again.agreedAt(elsewhere)).toEqual(new Date("2031-02-03T04:05:06Z"));
    expect(again.require(elsewhere)).toBe(elsewhere);
    expect(() => again.require(other)).toThrow(code("ENDPOINT_NOT_AGREED"));
    again.remember(other, new Date());
    expect(again.isNeeded(elsewhere) || again.isNeeded(other)).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each([
    "",
    "{",
    "[]",
    '{"version":1}',
    '{"version":2,"endpoints":{}}',
    '{"version":1,"endpoints":{"a":{"agreedAt":true}}}',
    " ".repeat(300_000),
  ])("is not read from a damaged file (%#)", (content) => {
    const path = newPath();
    writeFileSync(path, content);
    expect(() => new EndpointAgreements(path).require(elsewhere)).toThrow(code("AGREEMENTS_MALFORMED"));
  });
});

/** A person at a terminal who types this as soon as there is a question. */
function person(typed: string) {
  const [input, prompts] = [new PassThrough(), new PassThrough()];
  let said = "";
  prompts.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (text.includes("[y/N]")) setImmediate(() => input.write(typed));
  });
  return { source: { input: Object.assign(input, { isTTY: true }), prompts }, said: () => said };
}

describe("a person", () => {
  test.each(["y\r", " YES \r"])("who types %p is not asked again", async (typed) => {
    const path = newPath();
    const { source, said } = person(typed);
    expect(await agreeToEndpoint(elsewhere, { path, yes: false }, source)).toBe(elsewhere);
    expect(said()).toMatch(/https:\/\/api\.example\.org\/v1 sees the question and the passages/);
    const silent = person("n\r");
    expect(await agreeToEndpoint(elsewhere, { path, yes: false }, silent.source)).toBe(elsewhere);
    expect(silent.said()).toMatch(/You agreed to that on \d{4}-\d\d-\d\d/);
    expect(silent.said()).not.toMatch(/\[y\/N\]/);
  });

  test.each(["\r", "n\r", "yess\r"])("who types %p has not agreed", async (typed) => {
    const path = newPath();
    const asked = agreeToEndpoint(elsewhere, { path, yes: false }, person(typed).source);
    await expect(asked).rejects.toMatchObject({
      code: "ENDPOINT_NOT_AGREED",
      message: expect.stringMatching(/^you did not agree, so nothing was sent.*Leave out --endpoint/),
    });
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("who presses %s has stopped", async (_, typed) => {
    const asked = agreeToEndpoint(elsewhere, { path: newPath(), yes: false }, person(typed).source);
    await expect(asked).rejects.toEqual(code("ABORTED"));
  });

  test("who is not there has not agreed, but by --yes, which is not kept", async () => {
    const path = newPath();
    const source = { input: new PassThrough(), prompts: new PassThrough() };
    await expect(agreeToEndpoint(elsewhere, { path, yes: false }, source)).rejects.toEqual(code("ENDPOINT_NOT_AGREED"));
    expect(await agreeToEndpoint(elsewhere, { path, yes: true }, source)).toBe(elsewhere);
    expect(existsSync(path)).toBe(false);
  });

  test("is not asked about this machine, and told what it is", async () => {
    const { source, said } = person("n\r");
    expect(await agreeToEndpoint(here, { path: newPath(), yes: false }, source)).toBe(here);
    expect(said()).toMatch(/on this machine/);
  });

  test("is told where the way is not encrypted", async () => {
    const { source, said } = person("n\r");
    const open = { ...elsewhere, ...parseEndpoint("http://api.example.org/v1") };
    await expect(agreeToEndpoint(open, { path: newPath(), yes: false }, source)).rejects.toEqual(
      code("ENDPOINT_NOT_AGREED"),
    );
    expect(said()).toMatch(/not encrypted/);
  });
});

describe("an endpoint's key", () => {
  const written = (content: string, mode = 0o600): string => {
    const path = newPath();
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  };

  test("is read from a file that only its owner may read", () => {
    expect(readApiKey(written("sk-zanzibar_1.2/3=\n"))).toBe("sk-zanzibar_1.2/3=");
  });

  test.each([0o640, 0o604, 0o620])("is refused at mode %o", (mode) => {
    expect(() => readApiKey(written("sk-zanzibar", mode))).toThrow(code("API_KEY_MODE"));
    expect(() => readApiKey(written("sk-zanzibar", mode))).not.toThrow(/zanzibar/);
  });

  test.each(["", "\n", "zanzibar zanzibar", "zanzibar\nzanzibar", "zanzibär", "z".repeat(4097), "z".repeat(9000)])(
    "is refused, and not repeated, where the file holds something else (%#)",
    (content) => {
      const path = written(content);
      expect(readFileSync(path, "utf8")).toBe(content);
      expect(() => readApiKey(path)).toThrow(code("API_KEY_MALFORMED"));
      expect(() => readApiKey(path)).not.toThrow(/zanz|zzz/);
    },
  );

  test("is missed where there is no file", () => {
    expect(() => readApiKey(newPath())).toThrow(code("API_KEY_MISSING"));
  });
});
