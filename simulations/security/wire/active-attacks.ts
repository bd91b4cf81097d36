import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { actsOnConnections } from "./acts-on-connections.ts";
import { actsOnAnswers } from "./acts-on-answers.ts";
import { actsOnQueries } from "./acts-on-queries.ts";
import { PlainDoor } from "./plain-door.ts";
import { ShippedDoor } from "./shipped-door.ts";
import { PlainStage } from "./plain-stage.ts";
import { PrivateStage } from "./private-stage.ts";
import { type Outcome, type Row, type Scene, scene } from "./row.ts";

const METRIC = "what was wanted came about (1 = yes)";

/** All that is tried, where it is tried. */
export function scenes(lab: Lab): readonly Scene[] {
  const encoder = (): ReturnType<Lab["encoder"]> => lab.encoder("lexical:256");
  return [
    scene([...actsOnAnswers, ...actsOnQueries], {
      product: async () => PrivateStage.open(await encoder()),
      plain: async () => PlainStage.open(await encoder()),
    }),
    scene(actsOnConnections, {
      product: async () => ShippedDoor.open(await encoder()),
      plain: () => PlainDoor.open(),
    }),
  ];
}

export const activeAttacks: Attack = {
  name: "active-attacks",
  title: "Parties, coordinators, hosts and strangers depart from the protocol",
  role: "malicious party or coordinator",
  holds:
    "the keys of a party, of the coordinator or of a host, with programs of its own in their place; or nothing but the address",
  assumptions:
    "Real sockets, stores and keys in one process. The querier and two parties are honest and hold the federation file that its founder signed. Each act is tried once: what is refused by a check without chance in it is refused always.",
  method:
    "Each act is done to the product and, with the same code, where nothing is signed, sealed, counted or limited. It counts as successful when the attacker got what it did it for: a ranking that is wrong without a word, scores that it can read, an answer to a question of its own, a service that ends.",
  papers: [],
  run: async (lab: Lab): Promise<AttackResult> => {
    const all = scenes(lab);
    const rows = all.flatMap((one) => one.rows);
    const findings: Finding[] = [];
    for (const { play } of all)
      await play(async (row, outcome, baseline) => {
        findings.push(findingOf(row, outcome, baseline));
        await lab.progress(findings.length, rows.length);
      });
    return { findings, words: wordsOf(rows, findings) };
  },
};

function findingOf({ name, who, mode, expected, baselineIs }: Row, { got, note }: Outcome, baseline: Outcome): Finding {
  return {
    mode,
    setting: name,
    metric: METRIC,
    value: Number(got),
    baseline: Number(baseline.got),
    baselineIs,
    guessing: 0,
    threshold: 0.5,
    direction: "above",
    note,
    act: { who, defence: got ? "open" : expected },
  };
}

function wordsOf(rows: readonly Row[], findings: readonly Finding[]): string[] {
  const open = findings.filter(({ value }) => value === 1).map(({ setting }) => setting);
  const failed = findings.length - open.length;
  return [
    `${String(failed)} of ${String(rows.length)} things that a party, a coordinator, a host or a stranger may try came to nothing: they were refused, they were noticed by whom they were done to, or they did no harm.`,
    ...(open.length > 0 ? [`${open.length === 1 ? "This succeeds" : "These succeed"}: ${open.join("; ")}.`] : []),
  ];
}
