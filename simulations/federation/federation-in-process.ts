import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, pino } from "pino";
import { Coordinator, type CoordinatorOptions } from "../../coordinator/index.ts";
import { type RingLayout, sodium } from "../../crypto/index.ts";
import type { AuditSink } from "../../operation/audit/index.ts";
import { type ClientOptions, SottoClient } from "../../party-node/asking/client.ts";
import { federationLayout } from "../../party-node/asking/federation-layout.ts";
import type { Encoder } from "../../party-node/encoders/encoder.ts";
import { type NodeKeys, createKeyFile, loadKeyFile } from "../../party-node/keys.ts";
import type { QueryBudget } from "../../party-node/serving/query-budget.ts";
import type { QuerierRights } from "../../party-node/serving/rights.ts";
import type { RequestHandler } from "../../party-node/serving/request-handler.ts";
import { type Alignment, makeAlignment } from "../../party-node/vertical/index.ts";
import {
  type Federation,
  type FederationMember,
  type FederationTerms,
  type FounderAction,
  type FrameObserver,
  type HopMessage,
  type Identity,
  type SecureConnection,
  dial,
  openFederation,
  signFederation,
  toBase64,
  withChanges,
  writeFederation,
} from "../../protocol/index.ts";
import { changesBetween } from "./changes-between.ts";
import type { HostOptions } from "./host-in-process.ts";
import type { Corpus } from "./ingest-corpus.ts";
import { type HeldRow, PartyInProcess } from "./party-in-process.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface FederationInProcessOptions {
  /** For people. */
  readonly name?: string;
  /** Party -> what it holds. */
  readonly corpora: Readonly<Record<string, Corpus>>;
  /** Default "private". */
  readonly mode?: "private" | "clear";
  /** Default `["asker"]`. */
  readonly queriers?: readonly string[];
  /** Parties that may ask too. */
  readonly askingParties?: readonly string[];
  /** Its `normMax` and `dim` become the federation's; not closed. */
  readonly encoder: Encoder;
  /** Default 64, which gives blocks of 32 rows. */
  readonly chunk?: number;
  /** Default 14. */
  readonly scoreBits?: number;
  /** Parties that have keys and a corpus and are not started. */
  readonly absent?: readonly string[];
  /** Names of the coordinators, in the order in which queriers try them; default `["hub"]`. All are started. */
  readonly coordinators?: readonly string[];
  /** In place of the coordinator that ships. */
  readonly makeCoordinator?: (options: CoordinatorOptions) => Pick<Coordinator, "listen" | "close">;
  /** The coordinator's; default silent. */
  readonly log?: Logger;
  /** Sees every message at the coordinator. */
  readonly observer?: FrameObserver;
  /** Makes the federation vertical: the ids of its entities, in order. */
  readonly alignment?: readonly string[];
  /** Parties that keep collections of others. */
  readonly hosts?: Readonly<Record<string, HostOptions>>;
  /** Parties that answer more than questions. */
  readonly handlers?: Readonly<Record<string, readonly RequestHandler[]>>;
  /** How many questions a party answers each querier; made anew whenever the party starts. */
  readonly queryBudgets?: Readonly<Record<string, () => QueryBudget>>;
  /** Who may ask a party; made anew whenever the party starts. */
  readonly rights?: Readonly<Record<string, () => QuerierRights>>;
  /** Members, parties and the coordinator `hub`, whose events somebody takes. */
  readonly sinks?: Readonly<Record<string, AuditSink>>;
}

/** Resolves when the condition holds; rejects after 10 s. */
export async function until(condition: () => boolean): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > 10_000) throw new Error("what was waited for did not happen within 10 s");
    await sleep(10);
  }
}

/** A bare authenticated connection and all it has received. */
export interface RawMember {
  readonly connection: SecureConnection;
  readonly messages: readonly HopMessage[];
  /** The code with which the connection ended. */
  readonly closed: Promise<string>;
  /** The first message of a type, when it has come. */
  readonly message: <Type extends HopMessage["type"]>(type: Type) => Promise<Extract<HopMessage, { type: Type }>>;
}

/** A whole federation in this process, with real sockets on loopback, real stores in a temporary folder and real keys. */
export class FederationInProcess implements AsyncDisposable {
  readonly encoder: Encoder;
  readonly federation: Federation;
  readonly layout: RingLayout;
  readonly alignment: Alignment | undefined;
  /** The signed file and the key that signs it. */
  readonly file: string;
  readonly rootPublicKey: string;
  readonly #rootSecretKey: Uint8Array;
  readonly parties: ReadonlyMap<string, PartyInProcess>;
  readonly #options: FederationInProcessOptions;
  readonly #folder = temporaryFolder();
  readonly #keys = new Map<string, NodeKeys>();
  readonly #closers: (() => void)[] = [];
  readonly #coordinators = new Map<string, Pick<Coordinator, "listen" | "close">>();
  readonly #ports = new Map<string, number>();

  private constructor(options: FederationInProcessOptions) {
    const { corpora, queriers = ["asker"], encoder, mode = "private", chunk = 64, scoreBits = 14, alignment } = options;
    this.alignment = alignment && makeAlignment(alignment);
    this.#options = options;
    this.encoder = encoder;
    const root = sodium.crypto_sign_keypair();
    this.rootPublicKey = toBase64(root.publicKey);
    this.#rootSecretKey = root.privateKey;
    const members = [
      ...this.coordinators.map((name) => this.#member(name, ["coordinator"])),
      ...queriers.map((name) => this.#member(name, ["querier"])),
      ...Object.keys(corpora).map((name) =>
        this.#member(name, options.askingParties?.includes(name) ? ["party", "querier"] : ["party"]),
      ),
    ];
    const scoring = {
      dim: encoder.dim,
      chunk,
      normMax: encoder.normMax * (alignment ? Object.keys(corpora).length : 1),
      scoreBits,
      seed: toBase64(new Uint8Array(32).fill(7)),
    };
    this.file = signFederation(
      {
        name: options.name ?? "a federation in one process",
        rootPublicKey: this.rootPublicKey,
        coordinatorUrls: ["ws://127.0.0.1:1"],
        mode,
        encoder: { spec: encoder.spec, fingerprint: encoder.fingerprint },
        scoring,
        ...(alignment ? { vertical: { parties: Object.keys(corpora).length } } : {}),
        members,
      },
      root.privateKey,
    );
    this.federation = openFederation(this.file, this.rootPublicKey);
    this.layout = federationLayout(this.federation);
    this.parties = new Map(
      Object.keys(corpora).map((name) => [
        name,
        new PartyInProcess(name, this.#keysOf(name), this, join(this.#folder.path, name)),
      ]),
    );
  }

  /** Ingests every corpus, then starts the coordinator and the parties. */
  static async start(options: FederationInProcessOptions): Promise<FederationInProcess> {
    const federation = new FederationInProcess(options);
    try {
      for (const name of federation.coordinators) await federation.startCoordinator(name);
      for (const party of federation.parties.values()) {
        await party.ingest(options.corpora[party.name] ?? {});
        if (!options.absent?.includes(party.name)) await party.start();
      }
      return federation;
    } catch (error) {
      await federation[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The federation as another process has it, which takes up newer files by itself. */
  copy(): Federation {
    return openFederation(this.file, this.rootPublicKey);
  }

  /** A newer file, signed by the founder: of members and the coordinator's address, what differs. */
  revised(change: (terms: FederationTerms) => Partial<FederationTerms>): string {
    const { terms } = this.federation;
    return this.changed(...changesBetween(terms, { ...terms, ...change(terms) }));
  }

  /** A newer file, with these changes by the founder. */
  changed(...actions: readonly FounderAction[]): string {
    return writeFederation(withChanges(this.federation.log, actions, this.#rootSecretKey));
  }

  get coordinators(): readonly string[] {
    return this.#options.coordinators ?? ["hub"];
  }

  /** Of the coordinator that queriers try first. */
  get url(): string {
    return this.urls[0]!;
  }

  /** Of all coordinators. */
  get urls(): readonly string[] {
    return this.coordinators.map((name) => `ws://127.0.0.1:${String(this.#ports.get(name) ?? 1)}`);
  }

  /** Of the coordinator that queriers try first. */
  get port(): number {
    return Number(new URL(this.url).port);
  }

  party(name: string): PartyInProcess {
    const party = this.parties.get(name);
    if (!party) throw new TypeError(`the federation has no party ${name}`);
    return party;
  }

  identity(name: string): Identity {
    return { name, secretKey: this.#keysOf(name).identity.privateKey };
  }

  /** Where its key file is. */
  keyPath(name: string): string {
    return join(this.#folder.path, `${name}.key`);
  }

  keysOf(name: string): NodeKeys {
    return this.#keysOf(name);
  }

  /** Null for a party that keeps no collections of others. */
  hostOptions(name: string): HostOptions | null {
    return this.#options.hosts?.[name] ?? null;
  }

  queryBudget(name: string): QueryBudget | undefined {
    return this.#options.queryBudgets?.[name]?.();
  }

  rights(name: string): QuerierRights | undefined {
    return this.#options.rights?.[name]?.();
  }

  sink(name: string): AuditSink | undefined {
    return this.#options.sinks?.[name];
  }

  handlers(name: string): readonly RequestHandler[] {
    return this.#options.handlers?.[name] ?? [];
  }

  /** On the port it had before, if there was one. */
  async startCoordinator(name = this.coordinators[0]!): Promise<void> {
    const { observer, makeCoordinator = (options: CoordinatorOptions) => new Coordinator(options) } = this.#options;
    const onEvent = this.sink(name);
    const coordinator = makeCoordinator({
      identity: this.identity(name),
      federation: this.copy(),
      log: this.#options.log ?? pino({ enabled: false }),
      ...(observer ? { observer } : {}),
      ...(onEvent ? { onEvent } : {}),
    });
    this.#coordinators.set(name, coordinator);
    this.#ports.set(name, await coordinator.listen(this.#ports.get(name) ?? 0, "127.0.0.1"));
  }

  async stopCoordinator(name = this.coordinators[0]!): Promise<void> {
    const coordinator = this.#coordinators.get(name);
    this.#coordinators.delete(name);
    await coordinator?.close();
  }

  /** A connected client; closed with the federation. */
  async client(name = "asker", options: Partial<ClientOptions> = {}): Promise<SottoClient> {
    const client = await SottoClient.connect({
      identity: this.identity(name),
      federation: this.copy(),
      encoder: this.encoder,
      coordinatorUrls: this.urls,
      insecureClear: true,
      ...options,
    });
    this.#closers.push(() => {
      client.close();
    });
    return client;
  }

  /** A connection for members that do not keep to the rules; closed with the federation. */
  async dial(
    name: string,
    onMessage: (message: HopMessage, connection: SecureConnection) => void = () => undefined,
    url = this.url,
  ): Promise<RawMember> {
    const connection = await dial(url, { identity: this.identity(name), federation: this.federation });
    this.#closers.push(() => {
      connection.close();
    });
    const messages: HopMessage[] = [];
    const closed = Promise.withResolvers<string>();
    connection.listen(
      (message) => {
        messages.push(message);
        onMessage(message, connection);
      },
      ({ code }) => {
        closed.resolve(code);
      },
    );
    const isOf =
      <Type extends HopMessage["type"]>(type: Type) =>
      (message: HopMessage): message is Extract<HopMessage, { type: Type }> =>
        message.type === type;
    const message: RawMember["message"] = async (type) => {
      await until(() => messages.some(isOf(type)));
      return messages.find(isOf(type)) ?? Promise.reject(new Error("gone"));
    };
    return { connection, messages, closed: closed.promise, message };
  }

  /** Every row of every party with its score to single precision, best first, equal ones by party, block and slot. */
  async plaintextRanking(question: string): Promise<(HeldRow & { readonly score: number })[]> {
    const query = await this.encoder.encodeQuery(question);
    const score = ({ vector }: HeldRow): number =>
      Math.fround(vector.reduce((sum, entry, i) => sum + entry * (query[i] ?? 0), 0));
    return [...this.parties.values()]
      .flatMap((party) => party.rows())
      .map((row) => ({ ...row, score: score(row) }))
      .sort(
        (a, b) =>
          b.score - a.score || (a.party < b.party ? -1 : a.party > b.party ? 1 : a.block - b.block || a.slot - b.slot),
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0)) close();
    for (const party of this.parties.values()) await party.stop();
    for (const name of this.coordinators) await this.stopCoordinator(name);
    this.#folder[Symbol.dispose]();
  }

  #member(name: string, roles: FederationMember["roles"]): FederationMember {
    return { name, roles, publicKey: toBase64(this.#keysOf(name).identity.publicKey) };
  }

  /** The member's keys, from a key file made when it is first asked for. */
  #keysOf(name: string): NodeKeys {
    let keys = this.#keys.get(name);
    if (!keys) {
      const path = this.keyPath(name);
      createKeyFile(path);
      this.#keys.set(name, (keys = loadKeyFile(path)));
    }
    return keys;
  }
}
