import { checkPartyCount } from "./options.ts";
import type { PartyColumns } from "./samples.ts";

/**
 * Spreads the columns over more parties. Whoever has the most columns a part gets a part more until there are enough; a party of several parts becomes
 * `NAME-1`, `NAME-2`..., each with a run of its columns, as even as can be.
 *
 * @param count - At least the parties there are, at most all columns together.
 * @throws Fault PARTY_COUNT.
 */
export function splitColumns(parties: readonly PartyColumns[], count: number): PartyColumns[] {
  const columnCount = parties.reduce((sum, { columns }) => sum + columns.length, 0);
  const reason = `the columns lie with ${parties.length} of them and are ${columnCount} in all`;
  checkPartyCount(count, parties.length, columnCount, reason);
  const parts = parties.map(() => 1);
  for (let total = parties.length; total < count; total++) {
    const sizes = parties.map(({ columns }, i) => columns.length / parts[i]!);
    parts[sizes.indexOf(Math.max(...sizes))]!++;
  }
  return parties.flatMap((party, i) => cut(party, parts[i]!));
}

function cut(party: PartyColumns, parts: number): PartyColumns[] {
  if (parts === 1) return [party];
  const border = (part: number): number => Math.round((part * party.columns.length) / parts);
  return Array.from({ length: parts }, (_, part) => ({
    ...party,
    name: `${party.name}-${part + 1}`,
    columns: party.columns.slice(border(part), border(part + 1)),
  }));
}
