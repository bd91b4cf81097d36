import type { Member } from "./member.ts";

/** Which party is reached through which connection. A party that comes back replaces its old connection. */
export class Roster {
  readonly #serving = new Map<string, Member>();

  /** @returns The connection that is replaced, if any. */
  serve(member: Member): Member | null {
    const old = this.#serving.get(member.name) ?? null;
    this.#serving.set(member.name, member);
    return old === member ? null : old;
  }

  /** @returns Whether this connection was the one serving. */
  leave(member: Member): boolean {
    return this.#serving.get(member.name) === member && this.#serving.delete(member.name);
  }

  party(name: string): Member | null {
    return this.#serving.get(name) ?? null;
  }

  names(): string[] {
    return [...this.#serving.keys()].sort();
  }
}
