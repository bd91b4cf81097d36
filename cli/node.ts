import { Command, InvalidArgumentError, Option } from "commander";
import { rmSync } from "node:fs";
import type { Logger } from "pino";
import { ClearScorer, Fault } from "../crypto/index.ts";
import { federationLayout } from "../party-node/asking/index.ts";
import { watchFederationFile } from "../party-node/federation-file-sync.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { openScoringIndex } from "../party-node/scoring/index.ts";
import {
  PartyServer,
  QUERY_BUDGET_DAYS_DEFAULT,
  QuerierRights,
  QueryBudget,
  type Right,
  defaultQueryBudget,
} from "../party-node/serving/index.ts";
import { limits, memberName } from "../protocol/index.ts";
import { openNodeStore } from "./node-store.ts";
import { makeLogger } from "./logging.ts";
import { type ServiceOptions, openServices } from "./node-services.ts";
import { type OperationOptions, addOperationOptions, openOperation } from "./operation.ts";
import { dirOption, transcriptOption, wholeNumber } from "./options.ts";
import { asService, onStop, releaseParent, tellParent } from "./supervision.ts";
import { openTranscript } from "./transcript.ts";

interface Options extends ServiceOptions, OperationOptions {
  readonly dir: string;
  readonly insecureClear: boolean;
  readonly cache: boolean;
  readonly queryBudget?: number | "none";
  readonly queryBudgetDays: number;
  readonly transcript?: string;
}

export function nodeCommand(): Command {
  const command = new Command("node")
    .description("serve this node's documents to the federation")
    .addOption(dirOption())
    .option("--insecure-clear", "serve a federation in clear mode, where everybody sees the questions", false)
    .option("--threads <n>", "most threads to score with; default: one a core, at most 8", wholeNumber(1, 64))
    .option("--no-cache", "do not keep encoded blocks, which make the next start fast, and delete scoring.cache")
    .option("--host-for <members>", "keep sealed collections of these members, joined by commas", parseMembers)
    .addOption(
      new Option(
        "--sealed-store <url>",
        "keep them in PostgreSQL with pgvector: postgresql://...; default: files in the folder",
      ).env("SOTTO_SEALED_STORE"),
    )
    .option(
      "--entities <file>",
      "ids to align with other parties: a CSV file, or one id a line; read at each alignment",
    )
    .option("--entity-column <name>", "the CSV file's column of ids; default: id")
    .option("--align-for <members>", "members who may have the ids aligned, joined by commas", parseMembers)
    .option(
      "--routable",
      "show queriers a summary of the passages, so that `sotto query --route` can leave this node out",
      false,
    )
    .option("--codes <folder>", "serve codes of the entities in its features.csv by its bottom-model.onnx")
    .option("--codes-for <members>", "queriers who may read them, joined by commas", parseMembers)
    .option(
      "--codes-limit <count>",
      "entities that each of them may ever ask for",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
      limits.codesPerQuerierDefault,
    )
    .option(
      "--query-budget <count>",
      "questions of one querier that are answered in --query-budget-days, or none for any number; default: a sixteenth of the encoder's dimensions",
      parseQueryBudget,
    )
    .option(
      "--query-budget-days <days>",
      "days after which a question no longer counts",
      wholeNumber(1, 36_500),
      QUERY_BUDGET_DAYS_DEFAULT,
    )
    .addOption(transcriptOption());
  return addOperationOptions(command)
    .action(asService(runNode))
    .addHelpText(
      "after",
      "\n--query-budget: scores of enough chosen questions give the passages' vectors away, and with them much of their words. By default a querier may ask so few that vectors stay less than half known (docs/extraction.md); allow more where you would let all copy what the vectors say, or single members more (sotto rights). A querier who is refused is told when it may ask again.\n\n--routable: any querier of the federation may have up to 64 codes of 256 bits, each of what most of 5 or more passages have in common, and how many passages each stands for: what the collection is about, roughly. The coordinator does not see them.",
    );
}

function parseMembers(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => !memberName.safeParse(name).success))
    throw new InvalidArgumentError("expected names of members, joined by commas");
  return new Set(names);
}

function parseQueryBudget(text: string): number | "none" {
  return text === "none" ? text : wholeNumber(1, 1_000_000_000)(text);
}

/** What limits queriers. @throws Fault QUERY_BUDGET_MALFORMED, RIGHTS_MALFORMED. */
function openLimits({ folder, federation }: OpenedNode, { queryBudget, queryBudgetDays: days }: Options, log: Logger) {
  const rights = new QuerierRights(folder.rightsPath);
  const max = queryBudget ?? defaultQueryBudget(federation.terms.scoring.dim);
  log.info(max === "none" ? { questions: "any number" } : { questions: max, days }, "query budget of each querier");
  const rightOf = (querier: string): Right => rights.of(querier);
  const wallClock = (): number => Date.now();
  return { rights, queryBudget: new QueryBudget({ path: folder.questionsPath, max, days, rightOf, wallClock }) };
}

async function runNode(options: Options): Promise<void> {
  const { dir, insecureClear, threads, cache, transcript: path } = options;
  const node = openNode(dir);
  const { identity, federation, keys, coordinatorUrls, ca } = node;
  if (!federation.hasRole(identity.name, "party")) {
    throw new Fault(
      "WRONG_ROLE",
      `"${identity.name}" is not a party of this federation; ask the founder for \`sotto federation add ${identity.name} ... --role party\``,
    );
  }
  const clear = federation.terms.mode === "clear";
  if (clear && !insecureClear) {
    throw new Fault(
      "CLEAR_MODE",
      "this federation runs in clear: questions and vectors are visible to every party and the coordinator. Start with --insecure-clear if that is what you want",
    );
  }
  const layout = federationLayout(federation);
  const log = makeLogger("node", identity.name);
  const { rights, queryBudget } = openLimits(node, options, log);
  const store = openNodeStore(node);
  const transcript = path === undefined ? null : openTranscript(path);
  const running: { server: PartyServer | null; failure: Fault | null } = { server: null, failure: null };
  await using operation = await openOperation({
    node,
    role: "party",
    options,
    log,
    isHealthy: () => running.server?.isServing ?? false,
    coordinators: () => running.server?.coordinators ?? [],
    observer: transcript?.observer,
  });
  if (!cache) rmSync(node.folder.cachePath, { force: true });
  const index = clear
    ? new ClearScorer(layout)
    : openScoringIndex({
        layout,
        hintKey: keys.hintKey,
        cachePath: cache ? node.folder.cachePath : null,
        ...(threads === undefined ? {} : { threads }),
      });
  const services = await openServices({ node, options, store, log });
  const server = new PartyServer({
    identity,
    federation,
    store,
    index,
    handlers: services.handlers,
    queryBudget,
    rights,
    answeredPath: node.folder.answeredPath,
    coordinatorUrls,
    ca,
    log,
    observer: operation.observer,
    onEvent: operation.sink,
  });
  running.server = server;
  void operation.failed.then((why) => {
    running.failure = why;
    server.close();
  });
  onStop(() => {
    server.close();
  });
  if (rights.listed !== null) operation.sink({ kind: "rights-taken", members: rights.listed });
  const stopWatching = [
    watchFederationFile(federation, node.folder.federationPath, log),
    rights.follow(log, (members) => {
      operation.sink({ kind: "rights-taken", members });
    }),
  ];
  try {
    await server.run((coordinator) => {
      log.info({ coordinator }, "serving");
      tellParent({ event: "serving" });
    });
  } finally {
    for (const stop of stopWatching) stop();
    await services.close();
    await index.close();
    store.close();
    transcript?.close();
    releaseParent();
  }
  if (running.failure) throw running.failure;
}
