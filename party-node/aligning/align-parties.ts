import { Fault, POINT_BYTES, type Ristretto, commonPositions, loadRistretto, sodium } from "../../crypto/index.ts";
import { type Federation, type FrameObserver, type Identity, limits, packIndices } from "../../protocol/index.ts";
import { CoordinatorLink, EndToEndSession, unexpectedAnswer } from "../link/index.ts";

/** PARTY_COUNT: fewer than two parties, or more than the protocol takes. ALIGN_INCOMPLETE: not every party has kept the common ids. */
export type AlignPartiesFaultCode = "PARTY_COUNT" | "ALIGN_INCOMPLETE";

export interface AlignPartiesOptions {
  /** A querier of the federation, whom every party lets align. */
  readonly identity: Identity;
  readonly federation: Federation;
  readonly coordinatorUrls: readonly string[];
  /** As {@link DialOptions.ca}. */
  readonly ca?: string | undefined;
  /** At least two; the first invites the others. */
  readonly parties: readonly string[];
  /** Called with how many group elements have come back, of how many in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly observer?: FrameObserver | undefined;
}

/**
 * What the helper is told; which ids are common, only the parties know. Of three parties or more it could also count what some of them have in common: it holds all
 * sets under all exponents.
 */
export interface AlignmentResult {
  /** Ids that all parties have. */
  readonly common: number;
  readonly parties: readonly { readonly party: string; readonly ids: number }[];
}

/**
 * Has parties find the ids that they have in common. The caller is the helper of the intersection (see `IntersectingParty`): it carries the sets round,
 * each from its party through all the others in turn, so that no party sees two sets under the same exponents, compares what was raised by all, and tells
 * each party which positions of its set are common. Ends with the ids kept at every party, in one order.
 *
 * @throws Fault PARTY_COUNT, PARTY_OFFLINE, CONNECTION_LOST, POINT_INVALID, POINTS_REPEATED, ALIGN_INCOMPLETE, or a party's own with its name.
 */
export async function alignParties(options: AlignPartiesOptions): Promise<AlignmentResult> {
  const { parties, identity, federation, coordinatorUrls: urls, ca, observer } = options;
  if (parties.length < 2 || parties.length > limits.alignPartiesMax)
    throw new Fault<AlignPartiesFaultCode>(
      "PARTY_COUNT",
      `${parties.length} parties cannot be aligned; name from 2 to ${limits.alignPartiesMax}`,
    );
  const link = new CoordinatorLink({ urls, identity, federation, ca, observer });
  const sessions: EndToEndSession[] = [];
  try {
    await link.open();
    for (const party of parties) sessions.push(await EndToEndSession.open({ link, party, identity, federation }));
    return await align(sessions, options);
  } finally {
    for (const session of sessions) session.close();
    link.close();
  }
}

async function align(
  sessions: readonly EndToEndSession[],
  { parties, onProgress }: AlignPartiesOptions,
): Promise<AlignmentResult> {
  const sizes = await begin(sessions, [...parties]);
  const total = sizes.reduce((sum, size) => sum + size, 0) * sessions.length;
  let done = 0;
  const progress = (count: number): void => onProgress?.((done += count), total);
  const ristretto = await loadRistretto();
  const sets = await Promise.all(
    sizes.map((size, i) => carryRound([...sessions.slice(i), ...sessions.slice(0, i)], size, ristretto, progress)),
  );
  const positions = commonPositions(sets);
  await keep(sessions, positions);
  return {
    common: positions[0]!.length,
    parties: parties.map((party, i) => ({ party, ids: sizes[i]! })),
  };
}

/** @returns How many ids each has. */
async function begin(sessions: readonly EndToEndSession[], parties: string[]): Promise<number[]> {
  const alignment = sodium.randombytes_buf(16);
  const start = { type: "align-begin" as const, alignment, parties };
  const [first, ...others] = sessions;
  const inviter = await first!.ask({ ...start, invitation: new Uint8Array(0) }, "align-begun");
  const invitations = new Map(inviter.invitations.map(({ member, invitation }) => [member, invitation.slice()]));
  const begun = await Promise.all(
    others.map(async (session) => {
      const invitation = invitations.get(session.party);
      if (!invitation) throw unexpectedAnswer(first!.party);
      return session.ask({ ...start, invitation }, "align-begun");
    }),
  );
  return [inviter.ids, ...begun.map(({ ids }) => ids)];
}

/**
 * Has the first session's party hand out its set, and the others raise it in turn, page by page.
 *
 * @returns The set raised by all, in the order of the party it belongs to.
 */
async function carryRound(
  [owner, ...others]: readonly EndToEndSession[],
  size: number,
  ristretto: Ristretto,
  progress: (count: number) => void,
): Promise<Uint8Array> {
  const set = new Uint8Array(POINT_BYTES * size);
  for (let from = 0; from < size; from += limits.alignPagePointsMax) {
    const count = Math.min(limits.alignPagePointsMax, size - from);
    let points = await pointsOf(owner!, { type: "align-blind", from, count }, count, ristretto);
    progress(count);
    for (const session of others) {
      points = await pointsOf(session, { type: "align-raise", points }, count, ristretto);
      progress(count);
    }
    set.set(points, POINT_BYTES * from);
  }
  return set;
}

/** Checked here, where the party that sent them is known; the next one would only find out that somebody did. */
async function pointsOf(
  session: EndToEndSession,
  request: Parameters<EndToEndSession["ask"]>[0],
  count: number,
  ristretto: Ristretto,
): Promise<Uint8Array> {
  const { points } = await session.ask(request, "align-points");
  if (points.length !== POINT_BYTES * count) throw unexpectedAnswer(session.party);
  for (let at = 0; at < points.length; at += POINT_BYTES)
    if (!ristretto.isPoint(points.subarray(at, at + POINT_BYTES)))
      throw new Fault(
        "POINT_INVALID",
        `${session.party} sent what is no element of the group; it may be another version`,
      );
  return points.slice();
}

async function keep(sessions: readonly EndToEndSession[], positions: readonly Uint32Array[]): Promise<void> {
  const asked = sessions.map((session, i) =>
    session.ask({ type: "align-keep", positions: packIndices(positions[i]!) }, "align-kept"),
  );
  const outcomes = await Promise.allSettled(asked);
  const missing = sessions.filter((_, i) => outcomes[i]!.status === "rejected").map(({ party }) => party);
  if (missing.length === 0) return;
  const cause: unknown = outcomes.find((outcome) => outcome.status === "rejected")?.reason;
  throw new Fault<AlignPartiesFaultCode>(
    "ALIGN_INCOMPLETE",
    `${missing.join(", ")} did not keep the common ids, so that the parties' files may differ; align again before you use them`,
    cause,
  );
}
