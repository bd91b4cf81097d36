import { RlweAsker } from "../../../crypto/secret/index.ts";
import { PartySession } from "../../../party-node/asking/party-session.ts";
import { Question } from "../../../party-node/asking/question.ts";
import { CoordinatorLink } from "../../../party-node/link/index.ts";
import type { FederationInProcess } from "../../federation/federation-in-process.ts";

/** A querier made of the product's own parts that asks only those parties for passages that have one of the best. */
export class CarelessQuerier implements Disposable {
  readonly #federation: FederationInProcess;
  readonly #link: CoordinatorLink;
  readonly #asker: RlweAsker;
  readonly #sessions = new Map<string, PartySession>();

  private constructor(federation: FederationInProcess, link: CoordinatorLink) {
    this.#federation = federation;
    this.#link = link;
    this.#asker = new RlweAsker(federation.layout, { poolSize: 0 });
  }

  static async connect(owner: FederationInProcess): Promise<CarelessQuerier> {
    const { federation, layout, url } = owner;
    const identity = owner.identity("asker");
    const link = new CoordinatorLink({ urls: [url], identity, federation });
    await link.open();
    const querier = new CarelessQuerier(owner, link);
    for (const party of owner.parties.keys()) {
      const options = { link, party, identity, federation, layout, onBlocks: () => undefined };
      querier.#sessions.set(party, await PartySession.open(options, []));
    }
    return querier;
  }

  readonly ask = async (question: string, k: number): Promise<void> => {
    const { federation, layout, encoder } = this.#federation;
    const asked = await Question.encrypt(this.#asker, await encoder.encodeQuery(question), {
      link: this.#link,
      identity: this.#federation.identity("asker"),
      federation,
      layout,
      session: (party) => Promise.resolve(this.#sessions.get(party)!),
      parties: [...this.#sessions.keys()],
      k,
      deadlineMs: 30_000,
    });
    let answered = 0;
    for await (const { status } of asked.scores(undefined)) answered += Number(status === "answered");
    if (answered < this.#sessions.size) throw new Error("a party did not answer a question of its own federation");
    const holders = new Set(asked.best.map(({ party }) => party));
    await asked.passages([...holders], asked.best, undefined);
  };

  readonly rest = (): Promise<void> => this.#asker.ready();

  [Symbol.dispose](): void {
    for (const session of this.#sessions.values()) session.close();
    this.#asker.close();
    this.#link.close();
  }
}
