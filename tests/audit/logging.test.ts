import { expect, test } from "@jest/globals";
import { Writable } from "node:stream";
import { pino } from "pino";
import { logLineForPeople } from "../../cli/log-line.ts";
import { loggerOptions } from "../../cli/logging.ts";
import { Fault } from "../../crypto/index.ts";

const PLANTED = "quillfeather-marmoset";
const NUMBERS = [0.8675309, -0.3141592];

/** What a logger of ours prints at its most talkative. */
function printed(log: (logger: pino.Logger) => void): string {
  let text = "";
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  log(pino({ ...loggerOptions("node", "alpha"), level: "trace" }, sink));
  return text;
}

const wrapped = new Error("outer", { cause: new SyntaxError(`Unexpected token in "${PLANTED}"`) });
const secrets: Readonly<Record<string, unknown>> = {
  "a field called like a secret": { question: PLANTED },
  "a field deep within": { a: { b: [{ text: PLANTED }] } },
  "a key": { storeKey: PLANTED, rootPublicKey: PLANTED },
  bytes: { data: Buffer.from(PLANTED) },
  "a vector": { rows: Float32Array.from(NUMBERS), list: NUMBERS },
  "an error's words": { err: new Error(PLANTED) },
  "an error by another name": { why: new Error(PLANTED) },
  "an error's cause": { err: wrapped },
  "a fault's cause": { err: new Fault("STORE_KEY", "the store cannot be opened", new Error(PLANTED)) },
  "what an error carries": { err: Object.assign(new Error("x"), { input: PLANTED, code: "ERR_SQLITE_ERROR" }) },
  "no error": { err: PLANTED },
};

test.each(Object.entries(secrets))("is not printed: %s", (_id, fields) => {
  const text = printed((logger) => {
    logger.trace(fields, "something happened");
    logger.child({}).error(fields, "something happened");
  });
  expect(text.match(/something happened/g)).toHaveLength(2);
  expect(text).not.toContain(PLANTED);
  for (const number of NUMBERS) expect(text).not.toContain(String(number).slice(0, 7));
  expect(text).not.toContain(Buffer.from(PLANTED).toString("base64").slice(0, 12));
});

test("an error alone is not printed with its words either", () => {
  const text = printed((logger) => {
    logger.error(new Error(PLANTED));
    logger.error(new Error(PLANTED), "a session failed");
  });
  expect(text).not.toContain(PLANTED);
  expect(text).toMatch(/"type":"Error".*"msg":"failed"}\n.*a session failed/s);
});

test("what an operator needs is printed", () => {
  const text = printed((logger) => {
    logger.warn({ member: "asker", code: "BUSY", passages: 12, ms: 3, parties: ["a", "b"] }, "refused a query");
    logger.error({ err: new Fault("STORE_KEY", "the store is of another key") }, "reading the store failed");
  });
  const [first, second] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(first).toMatchObject({ name: "alpha", member: "asker", code: "BUSY", passages: 12, parties: ["a", "b"] });
  expect(second?.["err"]).toMatchObject({ code: "STORE_KEY", message: "the store is of another key" });
  expect((second?.["err"] as { stack: string }).stack).toMatch(/^ {4}at .*logging\.test\.ts/);
});

test("at a terminal a line is for people, without what a terminal would obey", () => {
  const line = printed((logger) => {
    logger.warn({ member: "asker\u001b[31m", port: 7400, parties: ["a"] }, "not\nadmitted");
  });
  expect(logLineForPeople(line)).toMatch(
    /^\d\d:\d\d:\d\d warn  not admitted {2}member=asker\[31m {2}port=7400 {2}parties=\["a"\]\n$/,
  );
});
