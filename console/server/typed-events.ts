import type { EventStream } from "../../integrations/http/index.ts";

/** A stream of those events alone that are known, with what belongs to them. */
export interface TypedEvents<Events> {
  /** As {@link EventStream.send}. */
  readonly send: <Name extends keyof Events & string>(name: Name, data: Events[Name]) => Promise<void>;
  /** As {@link EventStream.offer}. */
  readonly offer: <Name extends keyof Events & string>(name: Name, data: Events[Name]) => void;
}

export function typedEvents<Events>(stream: EventStream): TypedEvents<Events> {
  return {
    send: (name, data) => stream.send(name, data),
    offer: (name, data) => {
      stream.offer(name, data);
    },
  };
}
