import type { EventStream } from "../../integrations/http/index.ts";

/** Sends of a stream's events those that are known, with what belongs to them. */
export function typedEvents<Events>(
  stream: EventStream,
  signal: AbortSignal,
): <Name extends keyof Events & string>(name: Name, data: Events[Name]) => Promise<void> {
  return (name, data) => stream.send(name, data, signal);
}
