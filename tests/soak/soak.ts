import { setTimeout as sleep } from "node:timers/promises";
import { precomputedEncoder } from "../../benchmarks/precomputed-encoder.ts";
import { LocalFederation } from "../../cli/local-federation.ts";
import { openNodeStore } from "../../cli/node-store.ts";
import { Fault } from "../../crypto/index.ts";
import { verifyAuditLog } from "../../operation/audit/index.ts";
import { openNode } from "../../party-node/node-folder.ts";
import type { PassageStore } from "../../party-node/store/index.ts";
import { limits } from "../../protocol/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { SoakCorpus } from "./corpus.ts";
import { type PlannedFault, type Recovery, faultsOfARound, inject, isSpared, weather } from "./faults.ts";
import { Members } from "./members.ts";
import type { SoakOptions } from "./options.ts";
import { type SoakReport, reportOf } from "./report.ts";
import { Tally } from "./tally.ts";
import { Watch } from "./watch.ts";

const COORDINATORS = ["coordinator", "standby"];
export const PARTIES = ["alpha", "beta", "gamma"];
const K = 5;
/** Above the deadline, after which a question without an end is lost. */
const GRACE_MS = 5000;
/** Documents replaced in one transaction, how often one is added as well, and the pause between two. */
const CHANGED = 1;
const ADDED_EVERY = 5;
const CHANGE_MS = 3000;
const GAP_MS = { min: 500, max: 2500 };

/**
 * Runs a federation of real processes, asks it all the time, and breaks it all the time.
 *
 * @param stop - Ends it early; what was counted so far is in the report.
 * @param say - Told how it goes, a line at a time.
 */
export async function soak(options: SoakOptions, stop: AbortSignal, say: (line: string) => void): Promise<SoakReport> {
  const { seed, dim, documents, deadlineMs, pauseMsMax } = options;
  const problems: string[] = [];
  const onProblem = (what: string): void => {
    problems.push(what);
    say(what);
  };
  const random = seededRandom(seed);
  await using made = new AsyncDisposableStack();
  const groups = groupsOf(options);
  const coordinators = COORDINATORS.slice(0, options.coordinators);
  const federation = made.use(
    new LocalFederation({
      parties: PARTIES.map((name) => ({ name, paths: [] })),
      encoder: precomputedEncoder(dim),
      coordinators,
      queriers: groups.flat(),
    }),
  );
  const corpus = new SoakCorpus({ parties: PARTIES, documents, dim });
  const stores = openStores(federation, corpus);
  for (const store of stores.values()) made.defer(() => store.close());
  const tally = new Tally({ corpus, k: K, lostAfterMs: deadlineMs + GRACE_MS, checkEvery: 1, onProblem });
  made.defer(() => tally.close());
  const members = made.use(
    await Members.create({
      federation,
      coordinators,
      parties: PARTIES,
      querierGroups: groups,
      asking: { dim, k: K, deadlineMs, pauseMsMax },
      seed,
      random: seededRandom(seed + 1),
      onQuerierEvent: (name, event) => {
        if (event.event === "asked") tally.asked(name, event.question);
        else if (event.event === "ended") tally.finished(name, event);
      },
      onUnexpectedEnd: (name, why) => {
        tally.unexpected++;
        tally.gone(name);
        onProblem(`${name} ${why}`);
      },
    }),
  );
  say(`starting ${coordinators.join(" and ")}, ${PARTIES.length} parties and ${groups.length} processes of queriers`);
  const stopped = new Promise<null>((resolve) =>
    stop.addEventListener("abort", () => {
      members.expectEnd();
      resolve(null);
    }),
  );
  const started = members.start();
  // A terminal's Ctrl-C ends those that are starting, too.
  started.catch(() => undefined);
  await Promise.race([started, stopped]);
  const began = performance.now();
  const endAt = began + 60_000 * options.minutes;
  const warmUpMs = Math.min(30_000, 10_000 * options.minutes);
  const watch = new Watch(members, tally, (role) => warmUpMs + (role === "party" ? limits.fetchWindowMs : 0));
  const over = new AbortController();
  const recoveries: Recovery[] = [];
  const beside = Promise.all([
    watch.run(over.signal),
    weather(members, seededRandom(seed + 2), over.signal),
    changeDocuments({ corpus, stores, tally, random: seededRandom(seed + 3) }, over.signal),
    tellProgress({ tally, recoveries, began, options, say }, over.signal),
  ]);
  const planned =
    options.faults ??
    schedule(members, random, () => ({
      minutes: options.minutes,
      progress: (performance.now() - began) / (endAt - began),
    }));
  for (const fault of planned) {
    if (stop.aborted || (!options.faults && performance.now() >= endAt)) break;
    say(`${fault.kind} ${fault.name}`);
    const injected = inject(fault, { members, tally, random, since: began });
    const recovery = await Promise.race([injected, stopped]);
    if (!recovery) {
      // Nothing is started any more.
      injected.catch(() => undefined);
      break;
    }
    recoveries.push(recovery);
    await Promise.race([watch.probe(), stopped]);
    if (recovery.totalMs === null) onProblem(`no question was answered by all after ${fault.kind} of ${fault.name}`);
    await sleep(GAP_MS.min + (GAP_MS.max - GAP_MS.min) * random(), undefined, { signal: stop }).catch(() => undefined);
  }
  over.abort();
  await beside;
  const lasted = performance.now() - began;
  say("letting the last questions end");
  await members.stopAsking(deadlineMs + GRACE_MS);
  const exitCodes = await members.stop();
  return reportOf({
    options,
    seconds: lasted / 1000,
    isWhole: !stop.aborted,
    tally,
    recoveries,
    memory: watch.figures(),
    memoryOfRoles: watch.roles(),
    exitCodes,
    brokenAudits: brokenAudits(federation, [...coordinators, ...PARTIES]),
    documents: PARTIES.reduce((sum, party) => sum + corpus.documentCount(party), 0),
    problems,
  });
}

function* schedule(
  members: Members,
  random: () => number,
  now: () => Parameters<typeof isSpared>[2],
): Generator<PlannedFault> {
  for (;;)
    for (const fault of faultsOfARound(members.names, random))
      if (fault.kind !== "kill" || !isSpared(fault, members.names, now())) yield fault;
}

function groupsOf({ queriers, querierProcesses }: SoakOptions): string[][] {
  const names = Array.from({ length: queriers }, (_, i) => `querier-${i + 1}`);
  const each = Math.ceil(queriers / querierProcesses);
  return Array.from({ length: Math.ceil(queriers / each) }, (_, i) => names.slice(i * each, (i + 1) * each));
}

/** Filled; each is written to from here while its party serves from it, as `sotto ingest` would. */
function openStores(federation: LocalFederation, corpus: SoakCorpus): Map<string, PassageStore> {
  return new Map(
    PARTIES.map((party) => {
      const store = openNodeStore(openNode(federation.folderOf(party)));
      store.apply({ put: corpus.records(party), remove: [] });
      return [party, store];
    }),
  );
}

async function changeDocuments(
  {
    corpus,
    stores,
    tally,
    random,
  }: {
    readonly corpus: SoakCorpus;
    readonly stores: ReadonlyMap<string, PassageStore>;
    readonly tally: Tally;
    readonly random: () => number;
  },
  stop: AbortSignal,
): Promise<void> {
  for (let round = 0; !stop.aborted; round++) {
    const party = PARTIES[round % PARTIES.length]!;
    const count = corpus.documentCount(party);
    const numbers = new Set(Array.from({ length: CHANGED }, () => Math.floor(random() * count)));
    if (round % ADDED_EVERY === 0) numbers.add(count);
    const write: Parameters<SoakCorpus["replace"]>[2]["write"] = (put) => stores.get(party)!.apply({ put, remove: [] });
    corpus.replace(party, [...numbers], { write, now: () => performance.now() });
    corpus.forget(tally.oldestAskedAt);
    await sleep(CHANGE_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function tellProgress(
  {
    tally,
    recoveries,
    began,
    options,
    say,
  }: {
    readonly tally: Tally;
    readonly recoveries: readonly Recovery[];
    readonly began: number;
    readonly options: SoakOptions;
    readonly say: (line: string) => void;
  },
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await sleep(10_000, undefined, { signal: stop }).catch(() => undefined);
    const { asked, answeredByAll, answeredPartly, refused, failed, lost } = tally.counts;
    const seconds = Math.round((performance.now() - began) / 1000);
    say(
      `${seconds} of ${60 * options.minutes} s: ${asked} asked, ${answeredByAll} answered by all, ${answeredPartly} partly, ${refused} refused, ` +
        `${failed} failed, ${lost} lost, ${tally.wrong} wrong; ${recoveries.length} faults`,
    );
  }
}

/** Members whose audit logs do not verify. */
function brokenAudits(federation: LocalFederation, names: readonly string[]): string[] {
  return names.filter((name) => {
    const node = openNode(federation.folderOf(name));
    try {
      const publicKeys = [node.keys.identity.publicKey];
      verifyAuditLog({ folder: node.folder.auditPath, publicKeys, federationId: node.federation.id });
      return false;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return true;
    }
  });
}
