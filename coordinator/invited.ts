import { Fault } from "../crypto/index.ts";
import { type Federation, type HopMessage, type SecureConnection, limits } from "../protocol/index.ts";

export interface InvitedOptions {
  readonly connection: SecureConnection;
  readonly federation: Federation;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/**
 * Deals with somebody who has shown an invitation's key and is no member: it is sent the federation's file, may send one claim, and is sent the file again when
 * it has joined. Whatever else it says ends the connection, and so does the time that strangers have.
 *
 * @returns Whether it has joined, and otherwise the code with which it was refused; null for who left.
 */
export async function receiveInvited({
  connection,
  federation,
  wallClock,
}: InvitedOptions): Promise<{ readonly hasJoined: boolean; readonly refused: string | null }> {
  const ended = Promise.withResolvers<null>();
  const timer = setTimeout(() => {
    connection.close();
  }, limits.handshakeTimeoutMs);
  let refused: string | null = null;
  let hasJoined = false;
  const sendFile = (): void => {
    connection.send({ type: "federation", file: federation.file });
  };
  const join = (message: HopMessage): void => {
    if (message.type !== "join")
      throw new Fault("MESSAGE_UNKNOWN", `who is invited does not send ${message.type} before it has joined`);
    federation.admit(message.claim, wallClock());
    hasJoined = true;
    sendFile();
  };
  sendFile();
  connection.listen(
    (message) => {
      try {
        join(message);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        refused = error.code;
        connection.send({ type: "goodbye", code: error.code, reason: error.message.slice(0, 500) });
      }
      connection.close();
    },
    () => {
      ended.resolve(null);
    },
  );
  await ended.promise;
  clearTimeout(timer);
  return { hasJoined, refused };
}
