import { isDeepStrictEqual } from "node:util";
import type { FederationTerms, FounderAction } from "../../protocol/index.ts";

/** What a founder enters so that the one becomes the other, of members and the coordinator's address. */
export function changesBetween(before: FederationTerms, after: FederationTerms): FounderAction[] {
  const had = new Map(before.members.map((member) => [member.name, member]));
  const has = new Map(after.members.map((member) => [member.name, member]));
  const isNew = (name: string): boolean => had.get(name)?.publicKey !== has.get(name)?.publicKey;
  const { coordinatorUrls } = after;
  return [
    ...before.members.filter(({ name }) => isNew(name)).map(({ name }) => ({ type: "member-removed" as const, name })),
    ...after.members.flatMap((member): FounderAction[] => {
      const { name, roles } = member;
      if (isNew(name)) return [{ type: "member-added", ...member }];
      return had.get(name)?.roles.join() === roles.join() ? [] : [{ type: "roles-changed", name, roles }];
    }),
    ...(isDeepStrictEqual(coordinatorUrls, before.coordinatorUrls)
      ? []
      : [{ type: "coordinators-moved" as const, coordinatorUrls }]),
  ];
}
