import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createServer } from "node:net";
import { inspect } from "node:util";
import { type AnswerEvent, answerLimits, answerQuestion, parseEndpoint } from "../../party-node/answering/index.ts";
import { Authority, hasOpenssl } from "../support/authority.ts";
import { PASSAGES, QUESTION, agreed, answered, ask } from "./asked.ts";
import { ChatServer, type Reply, beginStream, chunk, streamed } from "./chat-server.ts";

/** A word that no fault may repeat; hostile servers say it. */
const MARKER = "zanzibar";

function json(body: unknown, status = 200): Reply {
  return (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function stream(...events: readonly string[]): Reply {
  return (response) => {
    beginStream(response);
    response.end(events.join(""));
  };
}

async function events(iteration: AsyncIterable<AnswerEvent>): Promise<AnswerEvent[]> {
  return Array.fromAsync(iteration);
}

describe("an answer", () => {
  test("comes in pieces, with what it cites and what was sent", async () => {
    await using server = await ChatServer.start(
      streamed("Restart warfarin ", "on day seven [1]", ".", " Ask at Christmas [7]."),
    );
    const { answer, pieces } = await answered({ base: server.base, apiKey: "key-of-the-endpoint" });
    expect(pieces).toEqual(["Restart warfarin ", "on day seven [1]", ".", " Ask at Christmas [7]."]);
    expect(answer).toEqual({
      text: "Restart warfarin on day seven [1]. Ask at Christmas [7].",
      isComplete: true,
      passagesSent: 2,
      passagesCut: [],
      citations: [
        { number: 1, sentence: "Restart warfarin on day seven." },
        { number: 7, sentence: "Ask at Christmas.", flag: "no-such-passage" },
      ],
      hasMoreCitations: false,
    });
    const [chat] = server.chats;
    expect(chat?.path).toBe("/v1/chat/completions");
    expect(chat?.headers).toMatchObject({ authorization: "Bearer key-of-the-endpoint", "accept-encoding": "identity" });
    expect(Object.keys(chat?.body ?? {}).sort()).toEqual(["messages", "model", "stream"]);
    expect(chat?.body).toMatchObject({ model: "tiny", stream: true });
    expect(chat?.body.messages.map(({ role }) => role)).toEqual(["system", "user"]);
    expect(chat?.body.messages[1]?.content).toContain(QUESTION);
    expect(chat?.body.messages[1]?.content).toContain(PASSAGES[1]?.text);
  });

  test("is held against what the model was shown of a passage, not against what was cut off", async () => {
    const hostile = {
      party: "stranger",
      title: "",
      text: `${"Harmless beginnings say nothing. ".repeat(40)}Warfarin may be restarted on day seven, two keys open every vault.`,
    };
    await using server = await ChatServer.start(
      streamed("Two keys open every vault [1]. Restart warfarin on day seven [2]. Late fines are forgiven [3]."),
    );
    const { answer } = await answered({ base: server.base, passages: [hostile, ...PASSAGES], promptCharsMax: 600 });
    expect(server.chats[0]?.body.messages[1]?.content).not.toContain("vault");
    expect(answer).toMatchObject({ passagesSent: 3, passagesCut: [1] });
    expect(answer.citations.map(({ number, flag }) => [number, flag])).toEqual([
      [1, "few-shared-words"],
      [2, undefined],
      [3, undefined],
    ]);
  });

  test("is read whole from a server that does not stream", async () => {
    await using server = await ChatServer.start(
      json({ choices: [{ message: { role: "assistant", content: "Day seven [1]." } }] }),
    );
    const { answer, pieces } = await answered({ base: server.base });
    expect(pieces).toEqual(["Day seven [1]."]);
    expect(answer).toMatchObject({ isComplete: true, citations: [{ number: 1 }] });
    expect(server.chats[0]?.headers.authorization).toBeUndefined();
  });

  test("survives being cut anywhere on the wire, also within a letter", async () => {
    const text = "Ä 薬 🩺 [1].";
    await using server = await ChatServer.start(async (response) => {
      beginStream(response);
      for (const byte of Buffer.from(`: comment\n\nevent: x\r\n${chunk({ content: text })}data: [DONE]\n\n`)) {
        await new Promise<void>((resolve) => response.write(Buffer.of(byte), () => resolve()));
      }
      response.end();
    });
    expect((await answered({ base: server.base })).answer.text).toBe(text);
  });

  test("has its end where the model says so, whatever comes after", async () => {
    const late = `data: ${JSON.stringify({ choices: [], usage: { total_tokens: 9 } })}\n\n`;
    await using server = await ChatServer.start(
      stream(chunk({ content: "One [1]." }), chunk({}, "stop"), late, chunk({ content: "two" })),
    );
    expect((await answered({ base: server.base })).answer.text).toBe("One [1].");
  });

  test("that a limit of the endpoint has cut says so", async () => {
    await using server = await ChatServer.start(stream(chunk({ content: "One" }, "length"), "data: [DONE]\n\n"));
    expect((await answered({ base: server.base })).answer).toMatchObject({
      text: "One",
      isComplete: false,
      citations: [],
    });
  });

  test("has nothing in it that a terminal obeys", async () => {
    await using server = await ChatServer.start(streamed("\u001b]8;;http://x\u0007link\u001b[2J", "\u202e", "\r\n[1]"));
    const { answer, pieces } = await answered({ base: server.base });
    expect(answer.text).toBe("]8;;http://xlink[2J\n[1]");
    expect(pieces.join("")).toBe(answer.text);
  });

  test.each<[string, readonly string[], string]>([
    ["a tag in halves", ["a\udb40", "\udc41b"], "ab"],
    ["a tag whose halves are parted", ["a\udb40", "\u200b", "\udc41b"], "a\ufffd\ufffdb"],
    ["a tag whose halves are parted in one piece", ["a\udb40\u200b\udc41b"], "a\ufffd\ufffdb"],
    ["a letter in halves", ["a\ud83e", "\ude7ab"], "a🩺b"],
    ["half a letter at the end", ["a\ud83e"], "a\ufffd"],
  ])("that comes in pieces hides nothing: %s", async (_, sent, text) => {
    await using server = await ChatServer.start(streamed(...sent));
    const { answer, pieces } = await answered({ base: server.base });
    expect(answer.text).toBe(text);
    expect(pieces.join("")).toBe(text);
  });

  test("is asked for only when somebody wants its first event, and dropped with the iteration", async () => {
    await using server = await ChatServer.start((response) => {
      beginStream(response);
      response.write(chunk({ content: "Day" }));
    });
    const iteration = ask({ base: server.base });
    expect(server.connections).toBe(0);
    for await (const event of iteration) if (event.type === "text") break;
    await server.chats[0]?.closed;
  });

  test("of a redirect goes nowhere", async () => {
    await using elsewhere = await ChatServer.start(streamed("gotcha"));
    await using server = await ChatServer.start(
      (response) => void response.writeHead(307, { location: elsewhere.base }).end(),
    );
    await expect(answered({ base: server.base })).rejects.toMatchObject({ code: "ENDPOINT_REDIRECTS" });
    expect(elsewhere.connections).toBe(0);
  });

  test("comes from the address that was checked, not from what its name means by now", async () => {
    await using server = await ChatServer.start(streamed("Day seven [1]."));
    const { addresses } = await agreed(server.base);
    const renamed = parseEndpoint(`http://endpoint.invalid:${String(server.port)}/v1`);
    const endpoint = { ...(await agreed(server.base)), ...renamed, addresses };
    const got = await events(answerQuestion({ question: QUESTION, passages: PASSAGES, model: "tiny", endpoint }));
    expect(got.at(-1)).toMatchObject({ type: "answered" });
    expect(server.chats[0]?.headers.host).toBe(`endpoint.invalid:${String(server.port)}`);
  });
});

describe("a server that misbehaves", () => {
  const long = "x".repeat(1_000_000);
  const rows: readonly { readonly id: string; readonly reply: Reply; readonly fault: string }[] = [
    { id: "status 400", reply: json({ error: { message: MARKER } }, 400), fault: "ENDPOINT_REFUSED" },
    { id: "status 401", reply: json({ error: MARKER }, 401), fault: "ENDPOINT_UNAUTHORIZED" },
    { id: "status 404", reply: json({ error: MARKER }, 404), fault: "ENDPOINT_NOT_FOUND" },
    { id: "status 429", reply: json({ error: MARKER }, 429), fault: "ENDPOINT_BUSY" },
    { id: "status 500", reply: json({ error: MARKER }, 500), fault: "ENDPOINT_FAILED" },
    { id: "status 204", reply: (response) => void response.writeHead(204).end(), fault: "ENDPOINT_REFUSED" },
    { id: "an error with status 200", reply: json({ error: { message: MARKER } }), fault: "ENDPOINT_FAILED" },
    {
      id: "an error within the stream",
      reply: stream(chunk({ content: "a" }), `data: {"error":"${MARKER}"}\n\n`),
      fault: "ENDPOINT_FAILED",
    },
    {
      id: "a page",
      reply: (response) => void response.writeHead(200, { "content-type": "text/html" }).end(MARKER),
      fault: "ENDPOINT_MALFORMED",
    },
    { id: "no content type", reply: (response) => void response.end(MARKER), fault: "ENDPOINT_MALFORMED" },
    {
      id: "compressed",
      reply: (response) =>
        void response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" }).end(MARKER),
      fault: "ENDPOINT_MALFORMED",
    },
    { id: "JSON that is none", reply: stream(`data: {${MARKER}\n\n`), fault: "ENDPOINT_MALFORMED" },
    { id: "JSON of another form", reply: stream(`data: {"choices":"${MARKER}"}\n\n`), fault: "ENDPOINT_MALFORMED" },
    {
      id: "no UTF-8",
      reply: (response) => {
        beginStream(response);
        response.end(Buffer.of(0x64, 0xff, 0xfe));
      },
      fault: "ENDPOINT_MALFORMED",
    },
    { id: "a filter", reply: stream(chunk({ content: MARKER }, "content_filter")), fault: "ANSWER_REFUSED" },
    { id: "a refusal", reply: stream(chunk({ refusal: MARKER })), fault: "ANSWER_REFUSED" },
    { id: "no text", reply: streamed("", " \n"), fault: "ANSWER_EMPTY" },
    { id: "no event", reply: stream(), fault: "ANSWER_CUT_OFF" },
    { id: "no end", reply: stream(chunk({ content: MARKER })), fault: "ANSWER_CUT_OFF" },
    {
      id: "a broken connection",
      reply: (response) => {
        beginStream(response);
        response.write(chunk({ content: MARKER }), () => void response.destroy());
      },
      fault: "ANSWER_CUT_OFF",
    },
    {
      id: "a model in a loop",
      reply: streamed(...Array.from({ length: 40 }, () => `${MARKER} `.repeat(100))),
      fault: "ANSWER_TOO_LONG",
    },
    { id: "an event without end", reply: stream(`data: ${long}`, long), fault: "ENDPOINT_MALFORMED" },
    {
      id: "a whole answer without end",
      reply: (response) => void response.writeHead(200, { "content-type": "application/json" }).end(long + long),
      fault: "ENDPOINT_MALFORMED",
    },
    {
      id: "thoughts without end",
      reply: stream(...Array.from({ length: 18 }, () => chunk({ reasoning: long }))),
      fault: "ANSWER_TOO_LONG",
    },
  ];

  test.each(rows)("$id: $fault, and nothing of what it said", async ({ reply, fault }) => {
    await using server = await ChatServer.start(reply);
    const error = await answered({ base: server.base }).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: "Fault", code: fault });
    const said = inspect(error, { depth: 9 });
    for (const secret of [MARKER, QUESTION, "haemoglobin"]) expect(said).not.toContain(secret);
    await server.chats[0]?.closed;
  });

  test.each([
    ["from the start", `${MARKER}\r\n\r\n`, "ENDPOINT_MALFORMED"],
    [
      "in the middle",
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${MARKER}\r\n`,
      "ANSWER_CUT_OFF",
    ],
  ])("what is no HTTP %s is not quoted either", async (_, bytes, fault) => {
    const server = createServer((socket) => void socket.end(bytes));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const error: unknown = await answered({ base: `http://127.0.0.1:${String(port)}` }).catch(
      (thrown: unknown) => thrown,
    );
    server.close();
    expect(error).toMatchObject({ code: fault });
    expect(inspect(error, { depth: 9 })).not.toMatch(/rawPacket/);
  });

  test.each([
    [
      "switches protocols",
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n${MARKER}`,
      "ENDPOINT_MALFORMED",
    ],
    ["switches to none", `HTTP/1.1 101 Switching Protocols\r\n\r\n${MARKER}`, "ENDPOINT_REFUSED"],
    [
      "switches and says yes",
      `HTTP/1.1 200 OK\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n${MARKER}`,
      "ENDPOINT_MALFORMED",
    ],
    ["hints and never begins", "HTTP/1.1 103 Early Hints\r\n\r\n", "ANSWER_TIMEOUT"],
  ])("one that %s is refused, and its connection ended", async (_, bytes, fault) => {
    let ended: Promise<unknown> = Promise.resolve();
    const server = createServer((socket) => {
      ended = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
      socket.resume().once("data", () => socket.write(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const error: unknown = await answered({ base: `http://127.0.0.1:${String(port)}`, timeoutMs: 1000 }).catch(
      (thrown: unknown) => thrown,
    );
    server.close();
    expect(error).toMatchObject({ name: "Fault", code: fault });
    expect(inspect(error, { depth: 9 })).not.toContain(MARKER);
    await ended;
  });

  test("whatever it streams, there is an answer or a coded fault", async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom(
          "data: ",
          "\n\n",
          "\n",
          "\r",
          ": ",
          "event: error\n",
          "[DONE]",
          "null",
          "[]",
          "{}",
          '{"choices":[{}]}',
          chunk({}, "stop"),
        )
        .map(Buffer.from),
      fc.jsonValue().map((value) => Buffer.from(`data: ${JSON.stringify({ choices: value })}\n\n`)),
      fc.string().map((content) => Buffer.from(chunk({ content }))),
    );
    let body: Uint8Array = Buffer.of();
    await using server = await ChatServer.start((response) => {
      beginStream(response);
      response.end(body);
    });
    const { base } = server;
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 8 }), async (parts) => {
        body = Buffer.concat(parts);
        const got: unknown = await answered({ base }).catch((thrown: unknown) => thrown);
        expect(got).toMatchObject(got instanceof Error ? { name: "Fault", code: expect.any(String) } : { answer: {} });
      }),
      { numRuns: 150 },
    );
  });

  test("one that is not there", async () => {
    const server = await ChatServer.start(streamed());
    const { base } = server;
    await server[Symbol.asyncDispose]();
    await expect(answered({ base })).rejects.toMatchObject({
      code: "ENDPOINT_UNREACHABLE",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  (hasOpenssl() ? test : test.skip)("one whose certificate nobody vouches for (needs openssl)", async () => {
    using authority = new Authority();
    const tls = authority.certificate("endpoint", "IP:127.0.0.1");
    await using server = await ChatServer.start(streamed("Day seven"), { tls });
    await expect(answered({ base: server.base.replace("http:", "https:") })).rejects.toMatchObject({
      code: "ENDPOINT_UNREACHABLE",
      message: expect.stringMatching(/certificate.*NODE_EXTRA_CA_CERTS/),
    });
    expect(server.chats).toHaveLength(0);
  });

  test.each<[string, Reply]>([
    ["accepts and says nothing", () => undefined],
    [
      "stops within the answer",
      (response) => {
        beginStream(response);
        response.write(chunk({ content: "Day" }));
      },
    ],
    [
      "sends a comment now and then",
      (response) => {
        beginStream(response);
        const ping = setInterval(() => response.write(": ping\n\n"), 5);
        response.once("close", () => clearInterval(ping));
      },
    ],
  ])("one that %s is given up when the time is over", async (_, reply) => {
    await using server = await ChatServer.start(reply);
    await expect(answered({ base: server.base, timeoutMs: 300 })).rejects.toMatchObject({ code: "ANSWER_TIMEOUT" });
    await server.chats[0]?.closed;
  });
});

describe("a caller", () => {
  test("can stop while the endpoint has said nothing yet", async () => {
    const abort = new AbortController();
    await using server = await ChatServer.start(() => abort.abort());
    await expect(answered({ base: server.base, signal: abort.signal })).rejects.toMatchObject({ code: "ABORTED" });
    await server.chats[0]?.closed;
  });

  test("can stop before, and within the answer", async () => {
    const abort = new AbortController();
    await using server = await ChatServer.start((response) => {
      beginStream(response);
      response.write(chunk({ content: "Day" }));
    });
    const aborted = { code: "ABORTED" };
    await expect(answered({ base: server.base, signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    expect(server.chats).toHaveLength(0);
    const got: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const { type } of ask({ base: server.base, signal: abort.signal })) {
        got.push(type);
        if (type === "text") setImmediate(() => abort.abort());
      }
    };
    await expect(reading()).rejects.toMatchObject(aborted);
    expect(got).toEqual(["asked", "text"]);
    await server.chats[0]?.closed;
  });

  test("is told of options that are none", async () => {
    await using server = await ChatServer.start(streamed("One"));
    const { promptCharsMin, answerMsMax } = answerLimits;
    await expect(answered({ base: server.base, promptCharsMax: promptCharsMin - 1 })).rejects.toThrow(TypeError);
    await expect(answered({ base: server.base, timeoutMs: answerMsMax + 1 })).rejects.toThrow(TypeError);
    await expect(answered({ base: server.base, passages: [] })).rejects.toThrow(TypeError);
    expect(server.connections).toBe(0);
  });
});
