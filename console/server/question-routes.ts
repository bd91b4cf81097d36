import { randomUUID } from "node:crypto";
import { z } from "zod";
import { EventStream, type Route, problemOf, readJson, sendJson } from "../../integrations/http/index.ts";
import type { PartyOutcome } from "../../party-node/asking/index.ts";
import { checkQuestion } from "../../party-node/asking/question.ts";
import { type Receipt, type ReceiptOptions, makeReceipt } from "../../party-node/receipt/index.ts";
import { type Federation, limits } from "../../protocol/index.ts";
import type { HostedView, Question, QuestionEvents } from "../api.ts";
import type { Asker } from "./asker.ts";
import { type TypedEvents, typedEvents } from "./typed-events.ts";

const BODY_BYTES_MAX = 4 * limits.questionBytesMax;

const questionBody = z.strictObject({ question: z.string(), k: z.int().min(1).max(limits.fetchHandlesMax) });

export interface QuestionRoutesOptions {
  readonly asker: Asker;
  readonly federation: () => Federation;
  readonly hosted: readonly HostedView[];
  readonly member: string;
  readonly version: string;
  readonly onBug: (error: unknown) => void;
}

/** Asks, and tells of each party as it answers; the answer comes with the receipt, and so does what a question that was sent has failed with. */
export function questionRoutes(options: QuestionRoutesOptions): Route[] {
  const underWay = new Map<string, AbortController>();
  return [
    {
      method: "POST",
      path: "/api/questions",
      timeoutMs: null,
      handle: async ({ request, response, signal }) => {
        const question = await readJson(request, questionBody, BODY_BYTES_MAX);
        checkQuestion(question.question);
        const { send } = typedEvents<QuestionEvents>(new EventStream(response, signal));
        const id = randomUUID();
        const stopping = new AbortController();
        underWay.set(id, stopping);
        try {
          await send("waiting", { id });
          await answer(question, options, { send, signal: AbortSignal.any([signal, stopping.signal]) });
        } finally {
          underWay.delete(id);
        }
        response.end();
      },
    },
    {
      // Whoever ends the request instead has gone, and is told no more.
      method: "POST",
      path: "/api/questions/:id/stop",
      handle: ({ response, params: { id = "" } }) => {
        underWay.get(id)?.abort();
        sendJson(response, {});
      },
    },
  ];
}

interface Asking {
  readonly send: TypedEvents<QuestionEvents>["send"];
  readonly signal: AbortSignal;
}

async function answer(question: Question, options: QuestionRoutesOptions, { send, signal }: Asking): Promise<void> {
  const fail = async (error: unknown, receiptOf: (code: string) => Receipt | null): Promise<void> => {
    const { code, detail } = problemOf(error);
    if (code === "INTERNAL") options.onBug(error);
    const receipt = receiptOf(code);
    await send("fault", { code, detail, ...(receipt ? { receipt } : {}) });
  };
  try {
    await options.asker.inTurn(signal, async (client) => {
      using traffic = options.asker.measure();
      const askedAtMs = Date.now();
      const outcomes: PartyOutcome[] = [];
      const receiptOf = (of: Pick<ReceiptOptions, "result" | "failed">): Receipt => {
        const { federation, member, version } = options;
        const { terms } = federation();
        return makeReceipt({ ...of, traffic: traffic.stop(), terms, querier: member, askedAtMs, version });
      };
      try {
        await send("asked", { parties: client.parties, online: client.online });
        const asking = client.query(question.question, { k: question.k, signal });
        for await (const outcome of asking) {
          outcomes.push(outcome);
          await send("outcome", outcome);
        }
        const result = await asking.result;
        await send("answer", { ...result, receipt: receiptOf({ result }) });
      } catch (error) {
        const { hosted } = options;
        // Where nothing was sent there is nothing to account for.
        const isSent = [...traffic.stop().coordinators.values()].some(({ up }) => up.messages > 0);
        await fail(error, (code) =>
          isSent ? receiptOf({ result: { parties: outcomes }, failed: { code, hosted } }) : null,
        );
      }
    });
  } catch (error) {
    await fail(error, () => null);
  }
}
