import { type RawData, WebSocket } from "ws";
import { limits } from "./limits.ts";

/** The TCP socket below a message socket: bytes are counted there as they arrive. */
export interface Carrier {
  readonly bytesRead: number;
  on(event: "data", listener: () => void): unknown;
  off(event: "data", listener: () => void): unknown;
}

export interface MessageSocketEvents {
  readonly upgrade: [response: { readonly socket: Carrier }];
  readonly open: [];
  readonly message: [data: RawData];
  readonly pong: [];
  readonly error: [cause: Error];
  /** The last event. */
  readonly close: [code: number, reason: Buffer];
}

type On = <Event extends keyof MessageSocketEvents>(
  event: Event,
  listener: (...args: MessageSocketEvents[Event]) => void,
) => unknown;

/**
 * Carries whole messages both ways, in order and none twice, until it closes: what is used of a WebSocket. Another carrier than ws does as ws does: a send
 * after closing began is dropped, `close` lets what was sent before go out first, `terminate` does not, and each end hears of it in one `close` event, unless the network keeps it from it.
 */
export interface MessageSocket {
  /** WebSocket's: 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Bytes that were sent and that the peer has yet to take. */
  readonly bufferedAmount: number;
  send(data: Uint8Array): void;
  ping(): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  readonly on: On;
  readonly once: On;
  readonly off: On;
}

/** Begins to open a socket to a coordinator; `open`, or `error` and `close`, say what came of it. */
export type Connect = (url: string, options: { readonly ca?: string | undefined }) => MessageSocket;

/** WebSocket options of both sides: no compression (ciphertexts do not shrink, and sizes must not depend on content). */
export const socketOptions = {
  perMessageDeflate: false,
  maxPayload: limits.frameBytesMax + 1024,
  maxFragments: limits.frameFragmentsMax,
  maxBufferedChunks: limits.frameChunksMax,
} as const;

export const connectWebSocket: Connect = (url, { ca }) =>
  new WebSocket(url, {
    ...socketOptions,
    handshakeTimeout: limits.handshakeTimeoutMs,
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
