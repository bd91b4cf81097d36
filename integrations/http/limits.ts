/** What a local server takes, before it takes memory for it. Only this machine's user can reach it, yet also through a browser or a program that runs wild. */
export const httpLimits = {
  /** Sockets; one more is closed. */
  connectionsMax: 128,
  /** Requests being answered; one more gets 503. */
  requestsMax: 64,
  /** The request line and all headers. */
  headerBytesMax: 16 * 1024,
  /** From the first byte to the end of the headers. */
  headersTimeoutMs: 10_000,
  /** From the first byte of a request to the last of its body. */
  requestTimeoutMs: 30_000,
  /** Between two requests on one socket. */
  keepAliveMs: 5000,
  /** For an answer, where its route does not say otherwise. */
  answerTimeoutMs: 180_000,
  /** For answers under way when the server is closed. */
  closeGraceMs: 2000,
} as const;
