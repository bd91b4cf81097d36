import type { Logger } from "pino";
import { Fault } from "../crypto/index.ts";
import { AlignService, readEntityIds, writeAlignedIds } from "../party-node/aligning/index.ts";
import { checkEncoder } from "../party-node/asking/index.ts";
import { CodeBudget, CodeService, openCodeTable } from "../party-node/codes/index.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { HostService } from "../party-node/hosting/index.ts";
import type { OpenedNode } from "../party-node/node-folder.ts";
import { SummaryService, openCommonCoder } from "../party-node/routing/index.ts";
import { openPostgresSealedStore, openSqliteSealedStore } from "../party-node/sealed-store/index.ts";
import type { RequestHandler } from "../party-node/serving/index.ts";
import type { PassageStore } from "../party-node/store/index.ts";

/** What `sotto node` does beside serving its own passages, each only where it is asked for. */
export interface ServiceOptions {
  readonly threads?: number;
  readonly hostFor?: ReadonlySet<string>;
  readonly sealedStore?: string;
  readonly entities?: string;
  readonly entityColumn?: string;
  readonly alignFor?: ReadonlySet<string>;
  readonly routable: boolean;
  readonly codes?: string;
  readonly codesFor?: ReadonlySet<string>;
  readonly codesLimit: number;
}

interface OpenServices {
  readonly handlers: readonly RequestHandler[];
  close(): Promise<void>;
}

/** @throws Fault OPTION_UNFIT, CODES_FOR_NOBODY, and what is wrong with files and databases that the options name. */
export async function openServices({
  node,
  options,
  store,
  log,
}: {
  readonly node: OpenedNode;
  readonly options: ServiceOptions;
  readonly store: PassageStore;
  readonly log: Logger;
}): Promise<OpenServices> {
  if (options.routable && node.federation.terms.vertical)
    throw new Fault(
      "OPTION_UNFIT",
      "in a vertical federation no party is left out, and a summary would tell queriers what only totals should; leave out --routable",
    );
  const { hostFor, alignFor, codesFor } = options;
  for (const [option, names] of Object.entries({
    "--host-for": hostFor,
    "--align-for": alignFor,
    "--codes-for": codesFor,
  }))
    refuseStrangers(node, option, names);
  const aligning = await openAligning(node, options, log);
  const codes = await openCodes(node, options, log);
  const summary = options.routable ? await openSummary(node, store) : null;
  const hosting = await openHosting(node, options, log);
  return {
    handlers: [hosting?.service, aligning, codes, summary].filter((handler) => handler != null),
    close: async () => {
      await hosting?.close();
    },
  };
}

/** A misspelt name would show only as a refusal, and only to whoever asks. */
function refuseStrangers({ federation }: OpenedNode, option: string, names: ReadonlySet<string> = new Set()): void {
  for (const name of names)
    if (!federation.publicKeyOf(name))
      throw new Fault("OPTION_UNFIT", `${option} names ${name}, which is no member of this federation`);
}

/** What keeps collections of others in this process; null where it is not asked for. */
async function openHosting(
  { folder, keys }: OpenedNode,
  { hostFor: owners, sealedStore: url, threads }: ServiceOptions,
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

/** What takes part in alignments; null where it is not asked for. */
async function openAligning(
  { folder, identity, federation }: OpenedNode,
  { alignFor: helpers, entities: file, entityColumn: column }: ServiceOptions,
  log: Logger,
): Promise<AlignService | null> {
  if (!helpers && file === undefined && column === undefined) return null;
  if (!helpers || file === undefined)
    throw new Fault(
      "OPTION_UNFIT",
      "--entities FILE says which ids to align and --align-for MEMBER for whom; give both, or none",
    );
  const readIds = (): Promise<string[]> => readEntityIds(file, column);
  await readIds(); // so that what is wrong with the file is said now
  const keep = (ids: readonly string[]): void => {
    writeAlignedIds(folder.alignedPath, ids);
  };
  return new AlignService({ identity, federation, helpers, readIds, keep, log });
}

/** What shows queriers a summary of the passages. The encoder is needed only until the coder is made. */
async function openSummary({ federation, encoderSpec }: OpenedNode, source: PassageStore): Promise<SummaryService> {
  const encoder = await openEncoder(encoderSpec);
  try {
    checkEncoder(encoder, federation);
    const coder = await openCommonCoder(encoder);
    const service = new SummaryService({ source, coder, now: () => performance.now() });
    await service.prepare();
    return service;
  } finally {
    await encoder.close();
  }
}

/** What serves codes in this process; null where it is not asked for. @throws Fault of the folder; CODES_FOR_NOBODY. */
async function openCodes(
  { folder }: OpenedNode,
  { codes, codesFor, codesLimit }: ServiceOptions,
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
