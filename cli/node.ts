import { Command, InvalidArgumentError, Option } from "commander";
import { rmSync } from "node:fs";
import { ClearScorer, Fault } from "../crypto/index.ts";
import { federationLayout } from "../party-node/asking/index.ts";
import type { Logger } from "pino";
import { CodeBudget, CodeService, openCodeTable } from "../party-node/codes/index.ts";
import { HostService } from "../party-node/hosting/index.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { openScoringIndex } from "../party-node/scoring/index.ts";
import { openPostgresSealedStore, openSqliteSealedStore } from "../party-node/sealed-store/index.ts";
import { PartyServer } from "../party-node/serving/index.ts";
import { limits, memberName } from "../protocol/index.ts";
import { openNodeStore } from "./node-store.ts";
import { makeLogger } from "./logging.ts";
import { dirOption, transcriptOption, wholeNumber } from "./options.ts";
import { onStop, releaseParent, tellParent } from "./supervision.ts";
import { openTranscript } from "./transcript.ts";

interface Options {
  readonly dir: string;
  readonly insecureClear: boolean;
  readonly threads?: number;
  readonly cache: boolean;
  readonly hostFor?: ReadonlySet<string>;
  readonly sealedStore?: string;
  readonly codes?: string;
  readonly codesFor?: ReadonlySet<string>;
  readonly codesLimit: number;
  readonly transcript?: string;
}

export function nodeCommand(): Command {
  return new Command("node")
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
    .option("--codes <folder>", "serve codes of the entities in its features.csv by its bottom-model.onnx")
    .option("--codes-for <members>", "queriers who may read them, joined by commas", parseMembers)
    .option(
      "--codes-limit <count>",
      "entities that each of them may ever ask for",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
      limits.codesPerQuerierDefault,
    )
    .addOption(transcriptOption())
    .action(runNode);
}

/** What keeps collections of others in this process; null where it is not asked for. */
async function openHosting(
  { folder, keys }: OpenedNode,
  { hostFor: owners, sealedStore: url, threads }: Options,
  log: Logger,
): Promise<{ readonly service: HostService; readonly close: () => Promise<void> } | null> {
  if (!owners) return null;
  const store =
    url === undefined ? openSqliteSealedStore({ folder: folder.hostedPath }) : await openPostgresSealedStore({ url });
  const { hintKey } = keys;
  const service = await HostService.open({
    store,
    owners,
    hintKey,
    log,
    ...(threads === undefined ? {} : { threads }),
  });
  return {
    service,
    close: async () => {
      await service.close();
      await store.close();
    },
  };
}

/** What serves codes in this process; null where it is not asked for. @throws Fault of the folder; CODES_FOR_NOBODY. */
async function openCodes(
  { folder }: OpenedNode,
  { codes, codesFor, codesLimit }: Options,
  log: Logger,
): Promise<CodeService | null> {
  if (codes === undefined && codesFor === undefined) return null;
  if (codes === undefined || codesFor === undefined)
    throw new Fault("CODES_FOR_NOBODY", "codes are served from a folder to members: give both --codes and --codes-for");
  const table = await openCodeTable(codes);
  log.info({ entities: table.codes.size, bits: table.bits, readers: [...codesFor] }, "serving codes");
  const budget = new CodeBudget({ path: folder.codesReadPath, max: codesLimit });
  return new CodeService({ table, readers: codesFor, budget });
}

function parseMembers(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => !memberName.safeParse(name).success))
    throw new InvalidArgumentError("expected names of members, joined by commas");
  return new Set(names);
}

async function runNode(options: Options): Promise<void> {
  const { dir, insecureClear, threads, cache, transcript: path } = options;
  const node = openNode(dir);
  const { identity, federation, keys, coordinatorUrl } = node;
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
  const codes = await openCodes(node, options, log);
  const store = openNodeStore(node);
  const transcript = path === undefined ? null : openTranscript(path);
  if (!cache) rmSync(node.folder.cachePath, { force: true });
  const index = clear
    ? new ClearScorer(layout)
    : openScoringIndex({
        layout,
        hintKey: keys.hintKey,
        cachePath: cache ? node.folder.cachePath : null,
        ...(threads === undefined ? {} : { threads }),
      });
  const hosting = await openHosting(node, options, log);
  const server = new PartyServer({
    identity,
    federation,
    store,
    index,
    handlers: [hosting?.service, codes].filter((handler) => !!handler),
    coordinatorUrl,
    log,
    observer: transcript?.observer,
  });
  onStop(() => {
    server.close();
  });
  try {
    await server.run(() => {
      log.info({ coordinator: coordinatorUrl }, "serving");
      tellParent({ event: "serving" });
    });
  } finally {
    await hosting?.close();
    await index.close();
    store.close();
    transcript?.close();
    releaseParent();
  }
}
