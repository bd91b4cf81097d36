import { once } from "node:events";
import { WebSocket } from "ws";

/** A socket that is open. @throws Error when it does not come to that. */
export async function opened(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  socket.on("error", () => undefined);
  return socket;
}

/** Code with which the other end closes; never, while it does not. */
export async function closing(socket: WebSocket): Promise<string> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return reason.toString() || String(code);
}

/** `taken` when the other end is there after it has looked at everything sent so far, otherwise why it closed. */
export async function reception(socket: WebSocket, closed: Promise<string>): Promise<string> {
  // A verdict may come a turn after the message it is of: only the second answer is sure to come behind it.
  for (let round = 0; round < 2; round++) {
    const answered = once(socket, "pong").then(() => "");
    answered.catch(() => undefined);
    if (socket.readyState === WebSocket.OPEN) socket.ping();
    const said = await Promise.race([answered, closed]);
    if (said !== "") return said;
  }
  return "taken";
}

/** One message in pieces. */
export function sendInFragments(socket: WebSocket, message: Uint8Array, count: number): void {
  const size = Math.ceil(message.length / count);
  for (let at = 0; at < message.length; at += size)
    socket.send(message.subarray(at, at + size), { binary: true, fin: at + size >= message.length });
}
