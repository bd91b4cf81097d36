import { z } from "zod";
import { EventStream, type Route, problemOf, readJson } from "../../integrations/http/index.ts";
import { checkQuestion } from "../../party-node/asking/question.ts";
import { makeReceipt } from "../../party-node/receipt/index.ts";
import { type Federation, limits } from "../../protocol/index.ts";
import type { QuestionEvents } from "../api.ts";
import type { Asker } from "./asker.ts";
import { typedEvents } from "./typed-events.ts";

const BODY_BYTES_MAX = 4 * limits.questionBytesMax;

const questionBody = z.strictObject({ question: z.string(), k: z.int().min(1).max(limits.fetchHandlesMax) });

export interface QuestionRoutesOptions {
  readonly asker: Asker;
  readonly federation: () => Federation;
  readonly member: string;
  readonly version: string;
  readonly onBug: (error: unknown) => void;
}

/** Asks, and tells of each party as it answers; the answer comes with the receipt. */
export function questionRoutes({ asker, federation, member, version, onBug }: QuestionRoutesOptions): Route[] {
  return [
    {
      method: "POST",
      path: "/api/questions",
      timeoutMs: null,
      handle: async ({ request, response, signal }) => {
        const { question, k } = await readJson(request, questionBody, BODY_BYTES_MAX);
        checkQuestion(question);
        const { send } = typedEvents<QuestionEvents>(new EventStream(response, signal));
        try {
          await asker.inTurn(signal, async (client) => {
            using traffic = asker.measure();
            const askedAtMs = Date.now();
            await send("asked", { parties: client.parties, online: client.online });
            const asking = client.query(question, { k, signal });
            for await (const outcome of asking) await send("outcome", outcome);
            const result = await asking.result;
            const { terms } = federation();
            const receipt = makeReceipt({
              result,
              traffic: traffic.stop(),
              terms,
              querier: member,
              askedAtMs,
              version,
            });
            await send("answer", { ...result, receipt });
          });
        } catch (error) {
          const { code, detail } = problemOf(error);
          if (code === "INTERNAL") onBug(error);
          await send("fault", { code, detail });
        }
        response.end();
      },
    },
  ];
}
