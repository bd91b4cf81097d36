import { pino } from "pino";
import { HostService, type HostServiceOptions } from "../../party-node/hosting/index.ts";
import type { HostedRequest } from "../../party-node/hosting/host-service.ts";
import { type SealedStore, openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
import type { EndToEndMessage } from "../../protocol/index.ts";

/** What happens at a host around what it does; tests set and unset it while the host runs. */
export interface Interference {
  /** Before a request is carried out. */
  before?: ((member: string, request: HostedRequest) => Promise<void> | void) | undefined;
  /** Sent in place of an answer, after what was asked for has been done. */
  answer?:
    | ((truth: EndToEndMessage, request: HostedRequest, member: string) => Promise<EndToEndMessage> | EndToEndMessage)
    | undefined;
}

export interface HostOptions {
  /** Members who may have collections here. */
  readonly owners: readonly string[];
  /** Called at each start of the party; default: SQLite in the folder. Closed with the host. */
  readonly openStore?: (folder: string) => SealedStore | Promise<SealedStore>;
  readonly interference?: Interference;
  readonly log?: HostServiceOptions["log"];
}

export interface OpenHost {
  readonly service: HostService;
  readonly close: () => Promise<void>;
}

export async function openHost(
  { owners, openStore = (path) => openSqliteSealedStore({ folder: path }), interference, log }: HostOptions,
  folder: string,
  hintKey: Uint8Array,
): Promise<OpenHost> {
  const store = await openStore(folder);
  const service = await HostService.open({
    store,
    owners: new Set(owners),
    hintKey,
    log: log ?? pino({ enabled: false }),
  });
  if (interference) interfere(service, interference);
  return {
    service,
    close: async () => {
      await service.close();
      await store.close();
    },
  };
}

function interfere(service: HostService, interference: Interference): void {
  const truth = service.respond.bind(service);
  service.respond = async function* (member, session, request) {
    await interference.before?.(member, request);
    for await (const message of truth(member, session, request))
      yield (await interference.answer?.(message, request, member)) ?? message;
  };
}

/** A store with some of its methods replaced, by what `changes` has when they are called. */
export function inFrontOf(store: SealedStore, changes: Partial<SealedStore>): SealedStore {
  return new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? (method.bind(target) as unknown) : method;
    },
  });
}
