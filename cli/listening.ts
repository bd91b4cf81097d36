import { connect } from "node:net";
import { portOf } from "./coordinator-address.ts";

const TIMEOUT_MS = 2_000;

/** Whether something accepts connections at a coordinator's address. Nothing is said to it. */
export function isListening(url: string): Promise<boolean> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connect({ host, port: portOf(url) });
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    const timer = setTimeout(end, TIMEOUT_MS, false);
    socket.once("connect", () => {
      end(true);
    });
    socket.once("error", () => {
      end(false);
    });
    socket.once("close", () => {
      clearTimeout(timer);
    });
  });
}
