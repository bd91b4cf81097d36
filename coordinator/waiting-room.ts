/**
 * Sockets of strangers, at most so many: one more ends the oldest. A member needs milliseconds to show who it is; whoever says nothing is always among the
 * oldest, and so keeps nobody out.
 */
export class WaitingRoom<Socket> {
  /** The oldest first. */
  readonly #waiting = new Set<Socket>();
  readonly #countMax: number;
  readonly #end: (socket: Socket) => void;

  constructor(countMax: number, end: (socket: Socket) => void) {
    this.#countMax = countMax;
    this.#end = end;
  }

  enter(socket: Socket): void {
    const [oldest] = this.#waiting;
    if (oldest !== undefined && this.#waiting.size >= this.#countMax) {
      this.#waiting.delete(oldest);
      this.#end(oldest);
    }
    this.#waiting.add(socket);
  }

  leave(socket: Socket): void {
    this.#waiting.delete(socket);
  }
}
