import { type RingLayout, ringLayout, scoreErrorMax, sodium } from "../../crypto/index.ts";
import {
  type FederationLog,
  type FederationMember,
  type FederationTerms,
  readFederation,
  signFederation,
  toBase64,
  withChanges,
  writeFederation,
} from "../../protocol/index.ts";
import { changesBetween } from "../../simulations/federation/changes-between.ts";
import { BudgetWatch } from "./budget-watch.ts";
import { CoordinatorMachine } from "./coordinator-machine.ts";
import { KeyWatch } from "./key-watch.ts";
import type { Machine, Surroundings } from "./machine.ts";
import { Network } from "./network.ts";
import { PartyMachine } from "./party-machine.ts";
import type { Plan } from "./plan.ts";
import { QuerierMachine } from "./querier-machine.ts";
import type { RunRecord } from "./run-record.ts";
import { DIM, chanceEncoder } from "./texts.ts";
import { virtualTime } from "./virtual-time.ts";

const CHUNK = 64;
const WORK_MS_MAX = 15;
const SCORING = { dim: DIM, chunk: CHUNK, normMax: chanceEncoder.normMax, scoreBits: 16 };

/** A federation of simulated machines, and those who watch over what it does. */
export class World {
  readonly network: Network;
  readonly hub: CoordinatorMachine;
  readonly parties: readonly PartyMachine[];
  readonly queriers: readonly QuerierMachine[];
  readonly scoreErrorMax: number;
  readonly #record: RunRecord;
  readonly #root = sodium.crypto_sign_keypair();
  readonly #keys = new KeyWatch(CHUNK);
  readonly #budget: BudgetWatch;
  #log: FederationLog;

  constructor(plan: Plan, folder: string, random: () => number, record: RunRecord) {
    this.#record = record;
    this.#budget = new BudgetWatch(plan.budget);
    this.network = new Network({
      random,
      note: record.note,
      onFault: record.fault,
      isUp: (name) => this.machines.some((machine) => machine.name === name && machine.isUp),
    });
    const rootPublicKey = toBase64(this.#root.publicKey);
    const around: Surroundings = { network: this.network, record, folder, rootPublicKey };
    this.hub = new CoordinatorMachine("hub", around);
    const layout = layoutOf();
    this.scoreErrorMax = scoreErrorMax(layout);
    this.parties = names("party", plan.parties).map(
      (name) =>
        new PartyMachine(name, around, {
          layout,
          budget: plan.budget,
          workMs: () => Math.floor(WORK_MS_MAX * random()),
          onFrame: (_, frame) => {
            const fault = this.#keys.look(frame);
            if (fault !== null) record.violated("key-reuse", fault);
          },
          onEvent: (party, event) => {
            if (event.kind === "query-answered" || event.kind === "query-refused")
              record.note(`${event.kind} ${party.name} ${event.member ?? ""} ${"code" in event ? event.code : ""}`);
            if (event.kind !== "query-answered") return;
            const wallClock = virtualTime.now + party.skewMs;
            const fault = this.#budget.answered(party.name, event.member, wallClock);
            if (fault !== null) record.violated("budget", fault);
          },
        }),
    );
    this.queriers = names("querier", plan.queriers).map((name) => new QuerierMachine(name, around));
    const founded = {
      name: "simulated",
      rootPublicKey,
      coordinatorUrls: ["ws://hub"],
      mode: "private" as const,
      encoder: { spec: chanceEncoder.spec, fingerprint: chanceEncoder.fingerprint },
      scoring: { ...SCORING, seed: toBase64(SEED) },
      members: this.machines.map((machine) => this.#member(machine)),
    };
    const file = signFederation(founded, this.#root.privateKey, virtualTime.now);
    this.#log = readFederation(file, rootPublicKey);
  }

  get machines(): readonly Machine[] {
    return [this.hub, ...this.parties, ...this.queriers];
  }

  get terms(): FederationTerms {
    return this.#log.state.terms;
  }

  get file(): string {
    return writeFederation(this.#log);
  }

  /** The founder signs a file with these members in place of those there were. */
  revise(members: readonly FederationMember[]): void {
    const changes = changesBetween(this.terms, { ...this.terms, members });
    this.#log = withChanges(this.#log, changes, this.#root.privateKey, virtualTime.now);
    this.#record.note(`revise ${members.map(({ name }) => name).join(" ")}`);
  }

  isMember({ name }: Machine): boolean {
    return this.terms.members.some((member) => member.name === name);
  }

  memberOf(machine: Machine): FederationMember {
    return this.#member(machine);
  }

  #member({ name, keys }: Machine): FederationMember {
    const role = name.startsWith("party") ? "party" : name.startsWith("querier") ? "querier" : "coordinator";
    return { name, roles: [role], publicKey: toBase64(keys.identity.publicKey) };
  }
}

const SEED = new Uint8Array(32).fill(7);

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${kind}${i + 1}`);
}

function layoutOf(): RingLayout {
  return ringLayout({ ...SCORING, seed: SEED });
}
