import { type HopMessage, limits } from "../protocol/index.ts";
import { type Member, idKey, isCrowded } from "./member.ts";
import type { Roster } from "./roster.ts";

interface Session {
  readonly id: Uint8Array;
  readonly querier: Member;
  readonly party: Member;
}

/** Carries end-to-end bytes between a querier and a party; sees who talks to whom and how much, nothing else. */
export class SessionRouter {
  readonly #roster: Roster;
  readonly #sessions = new Map<string, Session>();

  constructor(roster: Roster) {
    this.#roster = roster;
  }

  /** The first message of an unknown session opens it, if it comes from a querier. */
  relay(from: Member, { session: id, peer, body }: Extract<HopMessage, { type: "relay" }>, mayOpen: boolean): void {
    const session = this.#sessions.get(idKey(id)) ?? (mayOpen ? this.#open(from, id, peer) : null);
    const to = session && otherEnd(session, from);
    if (!to) {
      from.connection.send({ type: "hangup", session: id, peer, code: "PARTY_OFFLINE" });
      return;
    }
    if (isCrowded(to)) {
      this.hangup(from, id, "PEER_TOO_SLOW");
      from.connection.send({ type: "hangup", session: id, peer, code: "PEER_TOO_SLOW" });
      return;
    }
    to.connection.send({ type: "relay", session: id, peer: from.name, body });
  }

  hangup(from: Member, id: Uint8Array, code: string): void {
    const session = this.#sessions.get(idKey(id));
    const to = session && otherEnd(session, from);
    if (!to) return;
    this.#sessions.delete(idKey(id));
    to.connection.send({ type: "hangup", session: id, peer: from.name, code });
  }

  /** A connection is gone: the other ends of its sessions are told. */
  left(member: Member): void {
    for (const { id, querier, party } of [...this.#sessions.values()]) {
      if (querier === member || party === member) this.hangup(member, id, "PARTY_OFFLINE");
    }
  }

  #open(querier: Member, id: Uint8Array, peer: string): Session | null {
    const party = this.#roster.party(peer);
    const held = [...this.#sessions.values()].filter((session) => session.querier === querier).length;
    if (!party || isCrowded(party) || held >= limits.sessionsPerConnectionMax) return null;
    const session = { id: id.slice(), querier, party };
    this.#sessions.set(idKey(id), session);
    return session;
  }
}

function otherEnd({ querier, party }: Session, from: Member): Member | null {
  if (from === querier) return party;
  return from === party ? querier : null;
}
