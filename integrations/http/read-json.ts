import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import type { HttpFaultCode } from "./problem.ts";

/**
 * Reads a request's body as JSON and checks it.
 *
 * @param bytesMax - No more of the body than this is held.
 * @throws Fault BODY_NOT_JSON (another media type or encoding), BODY_TOO_LARGE, BODY_MALFORMED (not JSON in UTF-8), BODY_INVALID (names the field, never what is in it).
 */
export async function readJson<Schema extends z.ZodType>(
  request: IncomingMessage,
  schema: Schema,
  bytesMax: number,
): Promise<z.output<Schema>> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
  if (!/^application\/json *(; *charset="?utf-8"?)?$/i.test(type) || encoding !== "identity")
    throw new Fault<HttpFaultCode>(
      "BODY_NOT_JSON",
      "send JSON in UTF-8 and not compressed, with the header content-type: application/json",
    );
  const parsed = schema.safeParse(parseJson(await readBytes(request, bytesMax)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join(".") ?? "";
  throw new Fault<HttpFaultCode>(
    "BODY_INVALID",
    `the body does not fit${field === "" ? "" : ` at ${field}`}: ${issue?.message ?? "it is not as expected"}`,
  );
}

async function readBytes(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = (): Fault =>
    new Fault<HttpFaultCode>("BODY_TOO_LARGE", `the body may have ${String(bytesMax)} bytes at most`);
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  // The iterator of a stream that is left early destroys it, and with it the answer's socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // The parser's message would quote the body.
    throw new Fault<HttpFaultCode>("BODY_MALFORMED", "the body is not JSON in UTF-8");
  }
}
