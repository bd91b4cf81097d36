import { Command } from "commander";
import { readFileSync } from "node:fs";
import { disagreement, disagreementThreshold, farthestParty } from "../crypto/codes/disagreement.ts";
import { Fault } from "../crypto/index.ts";
import { type EntityCodes, readCodes } from "../party-node/codes/index.ts";
import { CoordinatorLink, EndToEndSession } from "../party-node/link/index.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { limits } from "../protocol/index.ts";
import { plainTable } from "../simulations/plain-table.ts";
import { dirOption } from "./options.ts";
import { jsonLine, printable } from "./printable.ts";

interface Options {
  readonly dir: string;
  readonly ids: string;
  readonly json: boolean;
}

/** Exit code when a party did not answer: what the others' codes say is printed. */
const EXIT_PARTIAL = 4;
/** With fewer entities there is no bulk to take a threshold from. */
const ENTITIES_MIN = 8;

export function codesCommand(): Command {
  return new Command("codes")
    .description("one-way codes that parties serve of entities they have in common")
    .addCommand(
      new Command("check")
        .description(
          "entities whose codes at different parties disagree more than is usual: a sign of an abnormal input",
        )
        .requiredOption("--ids <file>", "entity ids, one a line; every party is told them")
        .addOption(dirOption())
        .option("--json", "print one JSON object", false)
        .action(runCheck)
        .addHelpText(
          "after",
          `\nThe threshold is taken from the entities asked for, most of which must be normal; ask for ${String(ENTITIES_MIN)} at least. Some that are reported are.\nExit code 4: some party did not answer.`,
        ),
    );
}

interface PartyReport {
  readonly party: string;
  readonly status: "answered" | "serves no codes" | "missing";
  /** Of the entities asked for. */
  readonly known: number;
  /** Entities that may still be asked for. */
  readonly left: number | null;
  readonly fault: { readonly code: string; readonly reason: string } | null;
}

interface Suspect {
  readonly entity: string;
  readonly disagreement: number;
  /** Whose code is farthest from the others'; null where two codes cannot say. */
  readonly farthest: string | null;
}

interface CheckReport {
  readonly entities: number;
  /** Entities that two parties or more know. */
  readonly compared: number;
  readonly bits: number;
  readonly threshold: number;
  /** Farthest apart first. */
  readonly suspects: readonly Suspect[];
  readonly parties: readonly PartyReport[];
}

type Answer = { readonly report: PartyReport; readonly codes: EntityCodes | null };

async function runCheck({ dir, ids, json }: Options): Promise<void> {
  const entities = readIds(ids);
  const node = openNode(dir);
  const { name } = node.identity;
  if (!node.federation.hasRole(name, "querier"))
    throw new Fault(
      "WRONG_ROLE",
      `"${name}" is not a querier of this federation, and only queriers read codes; ask the founder for \`sotto federation add ${name} ... --role querier\``,
    );
  const answers = await askParties(node, entities);
  const report = compare(entities, answers);
  if (json) process.stdout.write(jsonLine(report));
  else print(report);
  if (report.parties.some(({ status }) => status === "missing")) process.exitCode = EXIT_PARTIAL;
}

function readIds(path: string): string[] {
  const lines = readFileSync(path, "utf8").split(/\r?\n/);
  const ids = [...new Set(lines.map((line) => line.trim()).filter((line) => line !== ""))];
  if (ids.length < ENTITIES_MIN || ids.some((id) => id.length > limits.entityIdLengthMax))
    throw new Fault(
      "IDS_INVALID",
      `${path} must hold at least ${String(ENTITIES_MIN)} different entity ids, one a line, of at most ${String(limits.entityIdLengthMax)} characters`,
    );
  return ids;
}

/** Every party of the federation is asked, in sessions of their own. */
async function askParties(
  { identity, federation, coordinatorUrls: urls, ca }: OpenedNode,
  entities: readonly string[],
): Promise<Answer[]> {
  const link = new CoordinatorLink({ urls, identity, federation, ca });
  try {
    await link.open();
    const parties = federation.terms.members.filter(({ roles }) => roles.includes("party"));
    return await Promise.all(
      parties.map(async ({ name: party }): Promise<Answer> => {
        const report = { party, known: 0, left: null, fault: null };
        try {
          const session = await EndToEndSession.open({ link, party, identity, federation });
          const codes = await readCodes(session, entities);
          const known = codes.codes.filter((code) => code !== null).length;
          return { report: { ...report, status: "answered", known, left: codes.left }, codes };
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          const { code, message } = error;
          if (code === "NO_CODES") return { report: { ...report, status: "serves no codes" }, codes: null };
          return { report: { ...report, status: "missing", fault: { code, reason: message } }, codes: null };
        }
      }),
    );
  } finally {
    link.close();
  }
}

/** @throws Fault CODES_DIFFER, CODES_TOO_FEW. */
function compare(entities: readonly string[], answers: readonly Answer[]): CheckReport {
  const serving = answers.flatMap(({ report: { party }, codes }) => (codes ? [{ party, ...codes }] : []));
  const { bits = 0 } = serving[0] ?? {};
  if (serving.some((party) => party.bits !== bits))
    throw new Fault(
      "CODES_DIFFER",
      `codes of different lengths cannot be compared (${serving.map((party) => `${party.party}: ${String(party.bits)} bits`).join(", ")}); serve models of one training run`,
    );
  const compared = entities.flatMap((entity, i) => {
    const known = serving.flatMap(({ party, codes }) => (codes[i] ? [{ party, code: codes[i] }] : []));
    if (known.length < 2) return [];
    const codes = known.map(({ code }) => code);
    const at = farthestParty(codes);
    return [{ entity, disagreement: disagreement(codes, bits), farthest: at === null ? null : known[at]!.party }];
  });
  if (compared.length < ENTITIES_MIN)
    throw new Fault(
      "CODES_TOO_FEW",
      `codes of two parties or more came for ${String(compared.length)} of these entities; ${String(ENTITIES_MIN)} are needed to see what is usual (${answers.map(({ report }) => `${report.party}: ${inWords(report, entities.length)}`).join("; ")})`,
    );
  const threshold = disagreementThreshold(
    compared.map((entity) => entity.disagreement),
    bits,
  );
  const suspects = compared
    .filter((entity) => entity.disagreement > threshold)
    .sort((a, b) => b.disagreement - a.disagreement);
  const parties = answers.map(({ report }) => report);
  return { entities: entities.length, compared: compared.length, bits, threshold, suspects, parties };
}

function inWords({ status, known, left, fault }: PartyReport, entities: number): string {
  if (status === "answered")
    return `knows ${String(known)} of ${String(entities)}; ${String(left)} more may be asked for`;
  return fault ? `${fault.code}: ${printable(fault.reason)}` : status;
}

function print({ entities, compared, bits, threshold, suspects, parties }: CheckReport): void {
  for (const party of parties) process.stderr.write(`  ${party.party}  ${inWords(party, entities)}\n`);
  process.stdout.write(
    `${String(compared)} entities compared, codes of ${String(bits)} bits; more than ${(100 * threshold).toFixed(0)} % of bits differ at ${String(suspects.length)} of them\n`,
  );
  if (suspects.length === 0) return;
  const table = plainTable(["entity", "bits that differ", "farthest from the others"]);
  for (const { entity, disagreement: share, farthest } of suspects)
    table.push([printable(entity), `${(100 * share).toFixed(0)} %`, farthest ?? "-"]);
  process.stdout.write(`${table.toString()}\n`);
}
