import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { type Route, problemOf, readJson, sendJson } from "../../integrations/http/index.ts";
import { type Federation, dial, memberName, roleNames } from "../../protocol/index.ts";
import type { OpenedNode } from "../../party-node/node-folder.ts";
import type { CoordinatorView, FederationView, Invitation, InvitationWanted } from "../api.ts";
import type { Asker } from "./asker.ts";

/** NOT_THE_FOUNDER: invitations are made where the federation was founded. */
export type FederationRouteFaultCode = "NOT_THE_FOUNDER";

const BODY_BYTES_MAX = 4096;
const INVITATION_DAYS_MAX = 366;

const invitationBody = z.strictObject({
  name: memberName,
  roles: z.array(z.enum(roleNames)).min(1).max(roleNames.length),
  days: z.int().min(1).max(INVITATION_DAYS_MAX),
});

/** Signs an invitation; null where this folder is not the founder's. */
export type Invite = ((wanted: InvitationWanted) => Invitation) | null;

export interface FederationRoutesOptions {
  readonly node: OpenedNode;
  readonly asker: Asker;
  readonly federation: () => Federation;
  readonly invite: Invite;
}

/** Who is in the federation, who is there, and how far away the coordinators are. */
export function federationRoutes({ node, asker, federation, invite }: FederationRoutesOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/api/federation",
      handle: async ({ response }) => {
        const { online, fault } = await whoIsThere(asker);
        const view = viewOf(federation(), online);
        const whole: FederationView = { ...view, isFounder: invite !== null, ...(fault ? { fault } : {}) };
        sendJson(response, whole);
      },
    },
    {
      method: "POST",
      path: "/api/federation/coordinators",
      handle: async ({ response, signal }) => {
        sendJson(response, await Promise.all(node.coordinatorUrls.map((url) => reach(url, node, signal))));
      },
    },
    {
      method: "POST",
      path: "/api/invitations",
      handle: async ({ request, response }) => {
        const wanted = await readJson(request, invitationBody, BODY_BYTES_MAX);
        if (!invite)
          throw new Fault<FederationRouteFaultCode>(
            "NOT_THE_FOUNDER",
            "invitations are made in the folder where the federation was founded",
          );
        sendJson(response, invite({ ...wanted, roles: [...new Set(wanted.roles)] }));
      },
    },
  ];
}

interface Presence {
  readonly online: ReadonlySet<string> | null;
  readonly fault?: { readonly code: string; readonly detail: string };
}

async function whoIsThere(asker: Asker): Promise<Presence> {
  try {
    return { online: new Set((await asker.client()).online) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { code, detail } = problemOf(error);
    return { online: null, fault: { code, detail } };
  }
}

function viewOf({ terms, log }: Federation, online: Presence["online"]): Omit<FederationView, "isFounder" | "fault"> {
  const { name, revision, rootPublicKey, mode, vertical, encoder, scoring, members } = terms;
  return {
    name,
    revision,
    rootPublicKey,
    mode: vertical ? "vertical" : mode,
    encoder,
    dimensions: scoring.dim,
    scoreBits: scoring.scoreBits,
    members: members.map((member) => ({
      ...member,
      isOnline: member.roles.includes("party") && online ? online.has(member.name) : null,
    })),
    invitations: [...log.state.invitations.values()].map(({ name: invited, roles, expires }) => ({
      name: invited,
      roles,
      expires,
    })),
  };
}

/** One connection, authenticated on both sides, and closed again. */
async function reach(
  url: string,
  { identity, federation, ca }: OpenedNode,
  signal: AbortSignal,
): Promise<CoordinatorView> {
  const began = performance.now();
  try {
    const connection = await dial(url, { identity, federation, ca, signal });
    const ms = performance.now() - began;
    connection.close();
    return { url, ms };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { code, detail } = problemOf(error);
    return { url, fault: { code, detail } };
  }
}
