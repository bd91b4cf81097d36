import type { Federation } from "../../protocol/index.ts";
import type { HostedSourcesOptions } from "./hosted-sources.ts";

/** What a querier knows of its federation at one moment. */
export interface FederationView {
  /** The federation's own. */
  readonly name: string;
  /** This member's own name. */
  readonly member: string;
  /** `clear` only for measuring against: questions are readable there. */
  readonly mode: "private" | "clear";
  /** Whether parties hold different features of the same entities. */
  readonly isVertical: boolean;
  /** The encoder that all members share, as the federation file names it. */
  readonly encoder: string;
  /** Of the encoder's vectors. */
  readonly dimensions: number;
  /** Members that hold documents. */
  readonly parties: readonly {
    readonly name: string;
    /** Whether it is connected to the coordinator that this member uses. */
    readonly isOnline: boolean;
  }[];
  /** Hosted collections that this member can read, by their names in its keyring. */
  readonly collections: readonly {
    readonly name: string;
    readonly owner: string;
    readonly host: string;
    readonly mode: "outsourced" | "double";
  }[];
}

export function viewFederation(
  member: {
    readonly identity: { readonly name: string };
    readonly federation: Pick<Federation, "terms">;
    readonly collections?: Pick<HostedSourcesOptions, "entries">;
  },
  online: ReadonlySet<string>,
): FederationView {
  const { name, mode, encoder, scoring, vertical, members } = member.federation.terms;
  const parties = members.filter(({ roles }) => roles.includes("party"));
  const entries = member.collections?.entries ?? [];
  return {
    name,
    member: member.identity.name,
    mode,
    isVertical: vertical !== undefined,
    encoder: encoder.spec,
    dimensions: scoring.dim,
    parties: parties.map((party) => ({ name: party.name, isOnline: online.has(party.name) })),
    collections: entries.map((entry) => ({ name: entry.name, owner: entry.owner, host: entry.host, mode: entry.mode })),
  };
}
