import { appendFileSync } from "node:fs";
import { HostService } from "../../party-node/hosting/index.ts";
import { encodeValue } from "../../protocol/index.ts";

/*
 * Loaded into a host's process before anything else: what the host decrypts of its sessions and what it answers goes to the file that SOTTO_TEST_SESSIONS
 * names, in lines like those of a transcript.
 */
const path = process.env["SOTTO_TEST_SESSIONS"] ?? "";

function record(member: string, direction: "in" | "out", message: unknown): void {
  const payload = Buffer.from(encodeValue(message)).toString("base64");
  appendFileSync(path, `${JSON.stringify({ member, direction, payload })}\n`);
}

const { respond } = HostService.prototype;
HostService.prototype.respond = async function* (member, session, request) {
  record(member, "in", request);
  for await (const message of respond.call(this, member, session, request)) {
    record(member, "out", message);
    yield message;
  }
};
