import Table from "cli-table3";
import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import { type NodeFolder, openNodeFederation, openNodeFolder } from "../party-node/node-folder.ts";
import {
  RIGHTS_DAYS_MAX,
  RIGHTS_QUESTIONS_MAX,
  RIGHT_DEFAULT,
  type Right,
  type Rights,
  readRights,
  rightOf,
  writeRights,
} from "../party-node/serving/index.ts";
import { limits } from "../protocol/index.ts";
import { dirOption, memberNameArgument, wholeNumber } from "./options.ts";

interface SetOptions {
  readonly dir: string;
  readonly query?: boolean;
  readonly questions?: Right["questions"];
  readonly days?: number;
  readonly passages?: number;
}

const EVERYBODY = "everybody else";

export function rightsCommand(): Command {
  return new Command("rights")
    .description("who may ask this node's own collection, how often, and for how many passages")
    .addCommand(showRightsCommand())
    .addCommand(setRightsCommand())
    .addCommand(clearRightsCommand())
    .addHelpText(
      "after",
      "\nA node that runs takes changes up within a second. Hosted collections have grants: sotto collection.",
    );
}

function showRightsCommand(): Command {
  return new Command("show")
    .description("show what holds")
    .addOption(dirOption())
    .action(({ dir }: { dir: string }) => {
      show(rightsIn(openNodeFolder(dir)));
    });
}

function setRightsCommand(): Command {
  return new Command("set")
    .description("change what a querier may, or everybody who is not named; what no option names stays as it is")
    .argument("[member]", "a querier; default is everybody without rights of their own", memberNameArgument)
    .option("--query", "let it ask")
    .option("--no-query", "refuse its questions, and the hints that go with them")
    .option(
      "--questions <count>",
      "questions answered in --days: a number, none for any, node for `sotto node --query-budget`",
      parseQuestions,
    )
    .option("--days <days>", "days after which a question no longer counts", wholeNumber(1, RIGHTS_DAYS_MAX))
    .option("--passages <count>", "most passages of one question", wholeNumber(0, limits.fetchHandlesMax))
    .addOption(dirOption())
    .action(runSet);
}

function clearRightsCommand(): Command {
  return new Command("clear")
    .description(
      "take a querier's own rights back, so that those of everybody else hold for it; with --all, what was set for everybody else too",
    )
    .argument("[member]", "a querier", memberNameArgument)
    .option("--all", "take back all that was ever set: every querier may ask again, within the node's budget", false)
    .addOption(dirOption())
    .action(runClear);
}

/** @throws Fault OPTION_MISSING, OPTION_UNFIT, RIGHTS_UNKNOWN, and those of the folder. */
function runClear(member: string | undefined, { dir, all }: { dir: string; all: boolean }): void {
  const folder = openNodeFolder(dir);
  const { default: everybody, members } = rightsIn(folder);
  if (member !== undefined && all)
    throw new Fault("OPTION_UNFIT", "name a querier, or give --all for everybody; not both");
  if (all) {
    change(folder, NO_RIGHTS);
    return;
  }
  if (member === undefined)
    throw new Fault("OPTION_MISSING", "say whose rights to take back, or with --all that it is everybody's");
  if (!members.has(member))
    throw new Fault(
      "RIGHTS_UNKNOWN",
      `"${member}" has no rights of its own here, and nothing was changed; \`sotto rights show\` lists who has`,
    );
  change(folder, { default: everybody, members: new Map([...members].filter(([name]) => name !== member)) });
}

const NO_RIGHTS: Rights = { default: RIGHT_DEFAULT, members: new Map() };

function parseQuestions(text: string): Right["questions"] {
  if (text === "node") return null;
  return text === "none" ? text : wholeNumber(1, RIGHTS_QUESTIONS_MAX)(text);
}

/** @throws Fault NOT_A_QUERIER, OPTION_MISSING, and those of folder and federation. */
function runSet(member: string | undefined, { dir, query, questions, days, passages }: SetOptions): void {
  const folder = openNodeFolder(dir);
  // A misspelt name would hold for nobody, and show only in what the right one may.
  if (member !== undefined && !openNodeFederation(folder).hasRole(member, "querier"))
    throw new Fault("NOT_A_QUERIER", `"${member}" is no querier of this federation; see \`sotto federation show\``);
  const { default: everybody, members } = rightsIn(folder);
  const said = {
    ...(query === undefined ? {} : { mayQuery: query }),
    ...(questions === undefined ? {} : { questions }),
    ...(days === undefined ? {} : { days }),
    ...(passages === undefined ? {} : { passages }),
  };
  if (Object.keys(said).length === 0)
    throw new Fault("OPTION_MISSING", "say what to change: --query, --no-query, --questions, --days or --passages");
  const right = { ...(member === undefined ? everybody : rightOf({ default: everybody, members }, member)), ...said };
  if (member === undefined) change(folder, { default: right, members });
  else change(folder, { default: everybody, members: new Map(members).set(member, right) });
  if (!right.mayQuery && query === undefined)
    process.stderr.write(
      `note: ${member ?? EVERYBODY} may not ask, and this changes nothing before it may: sotto rights set ${member === undefined ? "" : `${member} `}--query\n`,
    );
}

/** @throws Fault RIGHTS_MALFORMED. */
function rightsIn({ rightsPath }: NodeFolder): Rights {
  return readRights(rightsPath) ?? NO_RIGHTS;
}

function change({ rightsPath }: NodeFolder, rights: Rights): void {
  writeRights(rightsPath, rights);
  show(rights);
}

function show({ default: everybody, members }: Rights): void {
  const table = new Table({
    head: ["querier", "may ask", "questions", "passages of one"],
    style: { head: [], border: [] },
  });
  const byName = [...members].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, right] of [...byName, [EVERYBODY, everybody] as const]) table.push([name, ...words(right)]);
  process.stdout.write(`${table.toString()}\n`);
}

function words({ mayQuery, questions, days, passages }: Right): string[] {
  if (!mayQuery) return ["no", "", ""];
  const window = days === null ? "the node's days" : `${String(days)} days`;
  const asked = questions === null ? "the node's budget" : String(questions);
  return ["yes", questions === "none" ? "any number" : `${asked} in ${window}`, String(passages)];
}
