import type { EndToEndMessage } from "../../protocol/index.ts";

/** Answers one group of requests that members send in their end-to-end sessions with this node. */
export interface RequestHandler<Request extends EndToEndMessage = EndToEndMessage> {
  handles(message: EndToEndMessage): message is Request;
  /**
   * @param member - Who asks, authenticated; whether it may is for the handler to know.
   * @param session - Stands for the session.
   * @returns The answer's messages. What cannot be done becomes a message of type `fault`; whatever is thrown ends the session.
   */
  respond(member: string, session: object, request: Request): AsyncGenerator<EndToEndMessage>;
}
