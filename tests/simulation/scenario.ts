import { answerFault } from "./answer-check.ts";
import type { Machine } from "./machine.ts";
import type { Plan } from "./plan.ts";
import type { Asked, QuerierMachine, Question } from "./querier-machine.ts";
import type { RunRecord } from "./run-record.ts";
import { newText } from "./texts.ts";
import { virtualTime } from "./virtual-time.ts";
import type { World } from "./world.ts";

/** From healing the network until every connection must be whole again: a beat of the heart missed, the longest pause before dialling, a handshake that is waited for. */
const SETTLE_MS = 75_000;
/** Until timers of what was closed have ended. */
const AFTERMATH_MS = 31_000;
/** What a question may take beside twice its deadline: opening the connection, hearing who is there, looking at empty parties, four seconds of margin, one for rounding. */
const BEYOND_DEADLINES_MS = 10_000 + 10_000 + 2000 + 4000 + 1000;
/** What a cancelled one may: only the opening of connections does not look at the signal. */
const BEYOND_CANCEL_MS = 10_000 + 10_000 + 2000 + 1000;
const FINAL_DEADLINE_MS = 20_000;
const DAY_MS = 86_400_000;

/** What happens in one run, in an order that is drawn from the seed. */
export class Scenario {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #random: () => number;
  readonly #record: RunRecord;
  readonly #asked: Asked[] = [];
  #questions = 0;

  constructor(plan: Plan, world: World, random: () => number, record: RunRecord) {
    this.#plan = plan;
    this.#world = world;
    this.#random = random;
    this.#record = record;
  }

  async play(): Promise<void> {
    const { machines, network } = this.#world;
    this.#found();
    network.weather = this.#plan.weather;
    this.#schedule();
    await virtualTime.sleep(this.#plan.durationMs);
    this.#heal();
    await virtualTime.sleep(SETTLE_MS);
    this.#checkEnds();
    await this.#askAll();
    for (const machine of machines) await machine.shut();
    await virtualTime.sleep(AFTERMATH_MS);
    this.#checkLeaks();
    for (const machine of machines) machine.discard();
  }

  #found(): void {
    const { machines, parties, file } = this.#world;
    for (const { history } of parties) history.change(this.#random, { put: this.#plan.documents, remove: 0 });
    for (const machine of machines) machine.join(file);
    for (const machine of machines) this.#later(3000, () => machine.start());
  }

  #schedule(): void {
    const { questionsEach, updatesEach, mishaps, durationMs } = this.#plan;
    const { queriers, parties } = this.#world;
    for (const querier of queriers)
      for (let i = 0; i < questionsEach; i++) this.#later(durationMs, () => void this.#ask(querier, this.#question()));
    for (const party of parties)
      for (let i = 0; i < updatesEach; i++)
        this.#later(durationMs, () => {
          party.history.change(this.#random, { put: 4, remove: 4 });
          this.#record.note(`update ${party.name} ${party.history.rowCount}`);
          // What goes wrong around an update does so when somebody asks then.
          if (this.#random() < 0.5) this.#later(700, () => void this.#ask(this.#anyQuerier(), this.#question()));
        });
    for (let i = 0; i < mishaps; i++) this.#later(durationMs, () => this.#mishap());
  }

  #question(): Question {
    return {
      number: ++this.#questions,
      text: newText(this.#random, this.#questions),
      k: 1 + Math.floor(this.#random() * 8),
      deadlineMs: this.#random() < 0.3 ? 100 + Math.floor(this.#random() * 3000) : 30_000,
      keepDuplicates: this.#random() < 0.9,
      cancelAfterMs: this.#random() < 0.15 ? Math.floor(this.#random() * 2000) : null,
    };
  }

  #ask(querier: QuerierMachine, question: Question): Asked | null {
    const asked = querier.ask(question, (ended) => {
      this.#ended(ended);
    });
    this.#record.note(`${asked ? "ask" : "nobody to ask"} ${question.number} ${querier.name}`);
    if (asked) this.#asked.push(asked);
    return asked;
  }

  #ended(asked: Asked): void {
    const { question, result, fault, askedAt, cancelledAt, endedAt } = asked;
    const record = this.#record;
    const took = endedAt! - askedAt;
    const answered = result?.parties.filter(({ status }) => status === "answered").length ?? 0;
    for (const { status, fault: of } of result?.parties ?? []) record.party(of ? `${status} ${of.code}` : status);
    const ending =
      fault?.code === "ABORTED"
        ? "cancelled"
        : fault
          ? "failed"
          : answered === 0
            ? "unanswered"
            : answered === result!.parties.length
              ? "answered"
              : "answered in part";
    record.question(ending);
    const codes = result?.parties.map((one) => `${one.party}:${one.status}:${one.fault?.code ?? ""}`).join(" ");
    record.note(
      `end ${question.number} ${ending} ${fault?.code ?? ""} ${took} ms ${codes ?? ""} ${result?.passages.length ?? 0}`,
    );
    const wrong = answerFault(asked, {
      versions: (party, from, to) =>
        this.#world.parties.find(({ name }) => name === party)?.history.between(from, to) ?? [],
      scoreErrorMax: this.#world.scoreErrorMax,
    });
    if (wrong !== null) record.violated("top-k", `question ${question.number}: ${wrong}`);
    if (took > 2 * question.deadlineMs + BEYOND_DEADLINES_MS)
      record.violated("end", `question ${question.number} took ${took} ms, its deadline was ${question.deadlineMs} ms`);
    if (cancelledAt !== null && endedAt! - cancelledAt > BEYOND_CANCEL_MS)
      record.violated("end", `question ${question.number} ended ${endedAt! - cancelledAt} ms after it was cancelled`);
  }

  /** Something goes wrong. */
  #mishap(): void {
    const kinds: readonly (readonly [string, () => void])[] = [
      ["process killed", () => this.#crash(this.#anyMachine(), false)],
      ["machine lost", () => this.#crash(this.#anyMachine(), true)],
      ["coordinator killed", () => this.#crash(this.#world.hub, this.#random() < 0.3)],
      ["killed while writing", () => this.#crashWriting(this.#anyMachine())],
      ["restart", () => this.#restart(this.#anyMachine())],
      ["partition", () => this.#partition(true)],
      ["partition one way", () => this.#partition(false)],
      ["clock jump", () => this.#jump([this.#anyMachine()])],
      ["all clocks jump", () => this.#jump(this.#world.machines)],
      ["members changed", () => this.#revise()],
    ];
    const [kind, act] = kinds[Math.floor(this.#random() * kinds.length)]!;
    if (kind !== "killed while writing") this.#record.fault(kind);
    act();
  }

  #crash(machine: Machine, withItsMachine: boolean): void {
    machine.crash(withItsMachine);
    this.#later(20_000, () => {
      if (this.#world.isMember(machine)) machine.start();
    });
  }

  #crashWriting(machine: Machine): void {
    machine.crashWriting(Math.floor(this.#random() * 6), () => {
      this.#record.fault("killed while writing");
      this.#later(20_000, () => {
        if (this.#world.isMember(machine)) machine.start();
      });
    });
  }

  #restart(machine: Machine): void {
    void machine.stop().then(() => {
      this.#later(2000, () => {
        if (this.#world.isMember(machine)) machine.start();
      });
    });
  }

  #partition(bothWays: boolean): void {
    const { network, hub, parties, queriers } = this.#world;
    const others = [...parties, ...queriers];
    const { name } = others[Math.floor(this.#random() * others.length)]!;
    const ms = Math.floor(this.#random() * 60_000);
    const outward = bothWays || this.#random() < 0.5;
    if (outward) network.block(name, hub.name, ms);
    if (bothWays || !outward) network.block(hub.name, name, ms);
  }

  /** One clock is set, or all are by one bad time server. */
  #jump(machines: readonly Machine[]): void {
    const scale = [1000, 60_000, 600_000, DAY_MS, 40 * DAY_MS][Math.floor(this.#random() * 5)]!;
    const ms = Math.floor((2 * this.#random() - 1) * scale);
    for (const machine of machines) machine.skewMs += ms;
    this.#record.note(`clock ${machines.map(({ name }) => name).join(" ")} ${ms}`);
  }

  /** A member goes, or one that went comes back; one machine is given the new file, and the others hear of it from it. */
  #revise(): void {
    const world = this.#world;
    const others = world.machines.slice(1);
    const machine = others[Math.floor(this.#random() * others.length)]!;
    const { members } = world.terms;
    world.revise(
      world.isMember(machine)
        ? members.filter(({ name }) => name !== machine.name)
        : [...members, world.memberOf(machine)],
    );
    const told = this.#random() < 0.5 ? world.hub : this.#anyMachine();
    told.join(world.file);
    if (world.isMember(machine))
      this.#later(2000, () => {
        machine.join(world.file);
        machine.start();
      });
  }

  #heal(): void {
    const { machines, network, file } = this.#world;
    this.#record.note("heal");
    network.heal();
    for (const machine of machines) {
      machine.skewMs = 0;
      machine.calm();
      if (!this.#world.isMember(machine)) continue;
      machine.join(file);
      machine.start();
    }
  }

  #checkEnds(): void {
    for (const { endedAt, host, askedAt, question } of this.#asked) {
      if (endedAt !== null) continue;
      if (!host.alive) this.#record.question("lost with its querier");
      else if (virtualTime.now - askedAt > 2 * question.deadlineMs + BEYOND_DEADLINES_MS)
        this.#record.violated("end", `question ${question.number} has not ended after ${virtualTime.now - askedAt} ms`);
    }
  }

  /** When all is well again, every member can ask, and every party answers. */
  async #askAll(): Promise<void> {
    const world = this.#world;
    const finals: Asked[] = [];
    for (const querier of world.queriers.filter((machine) => world.isMember(machine))) {
      const question = { ...this.#question(), deadlineMs: FINAL_DEADLINE_MS, cancelAfterMs: null };
      const asked = this.#ask(querier, question);
      if (asked) finals.push(asked);
      else this.#record.violated("liveness", `${querier.name} is not connected`);
    }
    const latest = virtualTime.now + 2 * FINAL_DEADLINE_MS + BEYOND_DEADLINES_MS;
    while (virtualTime.now < latest && finals.some(({ endedAt }) => endedAt === null)) await virtualTime.sleep(1000);
    for (const asked of finals) this.#checkFinal(asked);
  }

  #checkFinal({ question, host, result, fault, endedAt }: Asked): void {
    const world = this.#world;
    const says = (what: string): void => {
      this.#record.violated("liveness", `question ${question.number} of ${host.name}: ${what}`);
    };
    if (endedAt === null) says("did not end");
    else if (!result) says(fault?.code ?? "no result");
    else
      for (const { name } of world.parties.filter((party) => world.isMember(party))) {
        const outcome = result.parties.find(({ party }) => party === name);
        if (outcome?.status === "answered" && !outcome.fault) continue;
        if (outcome?.fault?.code === "QUERY_BUDGET_SPENT" && this.#plan.budget.max < 1000) continue;
        says(`${name}: ${outcome?.status ?? "not asked"} ${outcome?.fault?.code ?? ""}`);
      }
  }

  #checkLeaks(): void {
    if (virtualTime.timerCount > 0) this.#record.violated("leak", `${virtualTime.timerCount} timers are left`);
    const { connectionCount } = this.#world.network;
    if (connectionCount > 0) this.#record.violated("leak", `${connectionCount} connections are left`);
  }

  #anyMachine(): Machine {
    const { machines } = this.#world;
    return machines[Math.floor(this.#random() * machines.length)]!;
  }

  #anyQuerier(): QuerierMachine {
    const { queriers } = this.#world;
    return queriers[Math.floor(this.#random() * queriers.length)]!;
  }

  #later(withinMs: number, work: () => void): void {
    virtualTime.after(Math.floor(this.#random() * withinMs), work);
  }
}
