import { Fault } from "../crypto/index.ts";
import {
  type Claim,
  type DialOptions,
  type FederationLog,
  type HopMessage,
  type Identity,
  type InvitationToken,
  type ProtocolFaultCode,
  type SecureConnection,
  dial,
  encodeValue,
  invitationKey,
  invitedView,
  limits,
  readFederation,
  signClaim,
  toBase64,
} from "../protocol/index.ts";
import { type Answered, firstToAnswer } from "./link/first-to-answer.ts";

export interface JoinOptions extends Pick<DialOptions, "ca" | "observer"> {
  readonly invitation: InvitationToken;
  /** Whom the node is to be: the name is the invitation's, the key its own. */
  readonly identity: Identity;
  /** In place of the invitation's addresses. */
  readonly coordinatorUrls?: readonly string[] | undefined;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Called before the node's key is shown to the coordinator: from then on it may be a member's, whatever this side hears. */
  readonly onClaim?: (() => void) | undefined;
}

/**
 * Joins a federation by an invitation: shows its key to the coordinator, gets the federation's file, enters the node's own key, and waits for the file in which that
 * is. Nothing that the coordinator says is believed but what the root key in the invitation vouches for. Can be done again when it is not known how it ended.
 *
 * @returns The log, with this node as a member.
 * @throws Fault as {@link dial}; INVITATION_UNKNOWN, INVITATION_EXPIRED, KEY_TAKEN, FEDERATION_TAMPERED, HANDSHAKE_TIMEOUT, CONNECTION_LOST.
 */
export async function joinByInvitation(options: JoinOptions): Promise<FederationLog> {
  const { invitation, identity, coordinatorUrls = invitation.coordinatorUrls, ca, observer } = options;
  const federation = invitedView(invitation);
  const as = async (secretKey: Uint8Array): Promise<SecureConnection> => {
    const open = async (url: string, signal: AbortSignal): Promise<Dialled> => {
      const dialling = { identity: { name: invitation.name, secretKey }, federation, ca, observer, signal };
      const connection = await dial(url, dialling);
      const close = (): void => {
        connection.close();
      };
      return { connection, isComplete: true, close };
    };
    return (await firstToAnswer({ urls: coordinatorUrls, open, hedgeMs: limits.hedgeMs })).connection;
  };
  const connection = await as(invitationKey(invitation)).catch(asOtherCoordinator(invitation));
  try {
    return await enter(connection, options);
  } catch (error) {
    // A coordinator that knows this node as a member already does not know the invitation any more.
    if (!(error instanceof Fault)) throw error;
    if (error.code === "NOT_A_MEMBER") throw unknown(invitation, error);
    if (error.code !== "HANDSHAKE_FAILED") throw error;
    const asMember = as(identity.secretKey).then((own) => enter(own, options));
    return await asMember.catch(asUnknown(invitation));
  } finally {
    connection.close();
  }
}

interface Dialled extends Answered {
  readonly connection: SecureConnection;
}

/** What is said between the handshake and the file that names this node. */
function enter(
  connection: SecureConnection,
  { invitation, identity, wallClock, onClaim }: JoinOptions,
): Promise<FederationLog> {
  const rootPublicKey = toBase64(invitation.rootPublicKey);
  const own = toBase64(identity.secretKey.subarray(32));
  let hasAsked = false;
  const take = (message: HopMessage): FederationLog | null => {
    if (message.type === "goodbye")
      throw new Fault(message.code, `the coordinator ended the connection: ${message.reason}`);
    if (message.type === "roster" && !hasAsked) {
      // This node is a member already; whoever has nothing is sent the file.
      hasAsked = true;
      connection.send({ type: "federation-revision", revision: 1, digest: new Uint8Array(32) });
    }
    if (message.type !== "federation") return null;
    const log = readFederation(message.file, rootPublicKey);
    if (log.state.terms.members.some(({ name, publicKey }) => name === invitation.name && publicKey === own))
      return log;
    if (!hasAsked) {
      const claim = encodeValue(claimOf(log, invitation, identity, wallClock()));
      onClaim?.();
      connection.send({ type: "join", claim });
    }
    hasAsked = true;
    return null;
  };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Fault<ProtocolFaultCode>("HANDSHAKE_TIMEOUT", "the coordinator did not answer who joins in time"));
    }, limits.handshakeTimeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      connection.close();
    };
    connection.listen(
      (message) => {
        try {
          const log = take(message);
          if (!log) return;
          resolve(log);
        } catch (error) {
          reject(error instanceof Error ? error : new Error("joining failed", { cause: error }));
        }
        end();
      },
      (why) => {
        end();
        reject(why);
      },
    );
  });
}

function claimOf(log: FederationLog, token: InvitationToken, identity: Identity, nowMs: number): Claim {
  const { name } = token;
  const invitation = log.state.invitations.get(name);
  const entitled = invitationKey(token);
  if (invitation?.publicKey !== toBase64(entitled.subarray(32))) throw unknown(token);
  const content = { previous: invitation.hash, name, type: "joined" as const };
  return signClaim(content, { entitled, own: identity.secretKey }, invitedView(token).id, nowMs);
}

/** Who answers does not show the key of a coordinator that the invitation names. */
function asOtherCoordinator({ name }: InvitationToken): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Fault) || (error.code !== "HANDSHAKE_FAILED" && error.code !== "NOT_A_MEMBER")) throw error;
    throw new Fault<ProtocolFaultCode>(
      error.code,
      `who answers at the coordinator's address shows another key than the invitation of ${name} names: the coordinator has another key since, or somebody else answers there. Ask the founder for a new invitation; before making it, the founder takes up the coordinator's newest file with \`sotto federation join FILE\` (${error.message})`,
      error,
    );
  };
}

/** A name that somebody has taken answers to that member's key alone. */
function asUnknown(invitation: InvitationToken): (error: unknown) => never {
  return (error) => {
    throw error instanceof Fault && error.code === "HANDSHAKE_FAILED" ? unknown(invitation, error) : error;
  };
}

function unknown({ name, expires }: InvitationToken, cause?: Fault): Fault {
  return new Fault<ProtocolFaultCode>(
    "INVITATION_UNKNOWN",
    `the coordinator does not know this invitation of ${name}: it was used or withdrawn, its time (${expires}) has passed, a character was changed in copying, or the coordinator's node has not joined with the founder's newest file; ask the founder`,
    cause,
  );
}
