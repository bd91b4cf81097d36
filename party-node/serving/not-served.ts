import {
  type EndToEndMessage,
  alignRequests,
  codeRequests,
  routingRequests,
  trainingRequests,
} from "../../protocol/index.ts";
import { isHostedRequest } from "../hosting/index.ts";

interface OptionalService {
  readonly asks: (message: EndToEndMessage) => boolean;
  readonly code: string;
  readonly reason: string;
}

const isOf =
  (group: Readonly<Record<string, unknown>>) =>
  ({ type }: EndToEndMessage): boolean =>
    Object.hasOwn(group, type);

/** What some nodes do for others, and what a node says that does not. */
const optionalServices: readonly OptionalService[] = [
  {
    asks: isHostedRequest,
    code: "NOT_HOSTING",
    reason: "this node keeps no collections of others; its operator starts it with `sotto node --host-for OWNER`",
  },
  {
    asks: isOf(alignRequests),
    code: "NOT_ALIGNING",
    reason: "this node aligns no ids; its operator starts it with `sotto node --entities FILE --align-for MEMBER`",
  },
  {
    asks: isOf(routingRequests),
    code: "NOT_ROUTABLE",
    reason: "this node shows no summary of its passages; its operator starts it with `sotto node --routable`",
  },
  {
    asks: isOf(codeRequests),
    code: "NO_CODES",
    reason: "this node serves no codes; its operator starts it with `sotto node --codes DIR --codes-for NAME`",
  },
  { asks: isOf(trainingRequests), code: "NOT_TRAINING", reason: "this node takes part in no training" },
];

/** Whether a request is about the passages that the party serves itself: its blocks, their summary, or their words. */
export function isAboutOwnPassages(message: EndToEndMessage): boolean {
  const { type } = message;
  if (type === "fetch") return true;
  if (type === "sync" || type === "describe") return !isHostedRequest(message);
  return isOf(routingRequests)(message);
}

/** What is said to a request that some nodes answer and this one does not; null for any other. */
export function notServed(message: EndToEndMessage): EndToEndMessage | null {
  const service = optionalServices.find(({ asks }) => asks(message));
  return service ? { type: "fault", id: message.id, code: service.code, reason: service.reason } : null;
}
