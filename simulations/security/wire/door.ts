import type { HopMessage } from "../../../protocol/index.ts";

/** How somebody comes to the door. */
export interface Visitor {
  /** The name it gives. */
  readonly name: string;
  /** Whose key it signs with: that of the member of this name, of a member of another federation, or one of its own. */
  readonly key: "member" | "other federation" | "own";
  /** Version of the protocol that it asks for; default the present one. */
  readonly protocol?: number;
}

/** What became of a connection: `taken` when it is still open after everything sent has been looked at; otherwise the code that ended it. */
export type Reception = string;

/** A coordinator, as it is reached from outside. */
export interface Door extends AsyncDisposable {
  /** A stranger's bytes, on a new connection. */
  knock(...messages: readonly Uint8Array[]): Promise<Reception>;
  enter(visitor: Visitor): Promise<Reception>;
  /** A member's message on a new connection, as it is or as bytes; in `fragments` pieces. */
  say(member: string, message: HopMessage | Uint8Array, fragments?: number): Promise<Reception>;
  /** The reception of the last of so many connections of one member at a time. */
  crowd(member: string, connections: number): Promise<Reception>;
  /** Opens so many connections that say nothing, looks whether a member is admitted, and closes them. */
  admitsBeside(silent: number): Promise<boolean>;
  /** Whether a member who comes now is admitted. */
  admits(): Promise<boolean>;
  /** What a member makes of a coordinator that is run by `alpha`, a party. */
  visitImpostor(): Promise<Reception>;
}
