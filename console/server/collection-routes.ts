import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { EventStream, type Route, problemOf, readJson, sendJson } from "../../integrations/http/index.ts";
import type { CollectionsView, DropEvents, HostedView } from "../api.ts";
import { DOCUMENTS_MAX } from "./documents.ts";
import type { OwnStore } from "./own-store.ts";
import { typedEvents } from "./typed-events.ts";

/** NO_STORE: this node is no party and has no documents of its own. */
export type CollectionFaultCode = "NO_STORE";

const BODY_BYTES_MAX = 1024 * 1024;
/** Problems of one drop that are told one by one; the report has how many there were, by reason. */
const PROBLEMS_TOLD_MAX = 100;

const eraseBody = z.strictObject({ keys: z.array(z.string().min(1)).min(1).max(DOCUMENTS_MAX) });

export interface CollectionRoutesOptions {
  readonly own: OwnStore | null;
  readonly hosted: readonly HostedView[];
  readonly onBug: (error: unknown) => void;
}

/** What this node holds, and how it comes there and goes. */
export function collectionRoutes({ own, hosted, onBug }: CollectionRoutesOptions): Route[] {
  const store = (): OwnStore => {
    if (own) return own;
    throw new Fault<CollectionFaultCode>("NO_STORE", "this node is no party of the federation and holds no documents");
  };
  return [
    {
      method: "GET",
      path: "/api/collections",
      handle: ({ response }) => {
        const view: CollectionsView = { own: own?.view() ?? null, hosted };
        sendJson(response, view);
      },
    },
    {
      method: "GET",
      path: "/api/documents",
      handle: ({ response, url: { searchParams } }) => {
        const from = Number(searchParams.get("from") ?? 0);
        const find = searchParams.get("find") ?? "";
        sendJson(response, store().documents.list({ find, from: Number.isSafeInteger(from) ? Math.max(0, from) : 0 }));
      },
    },
    {
      method: "POST",
      path: "/api/documents/erase",
      handle: async ({ request, response }) => {
        const { keys } = await readJson(request, eraseBody, BODY_BYTES_MAX);
        sendJson(response, { erased: store().documents.erase(keys) });
      },
    },
    {
      method: "POST",
      path: "/api/drops",
      handle: async ({ response }) => {
        sendJson(response, { id: await store().drops.begin() });
      },
    },
    {
      method: "PUT",
      path: "/api/drops/:id/files/:name",
      handle: async ({ request, response, params: { id = "", name = "" } }) => {
        await store().drops.add(id, name, request);
        sendJson(response, {});
      },
    },
    {
      method: "POST",
      path: "/api/drops/:id/ingest",
      timeoutMs: null,
      handle: async ({ response, params: { id = "" }, signal }) => {
        const { send, offer } = typedEvents<DropEvents>(new EventStream(response, signal));
        let told = 0;
        try {
          const report = await store().takeIn(id, {
            signal,
            onProgress: (progress) => {
              offer("progress", progress);
            },
            onProblem: (problem) => {
              if (++told <= PROBLEMS_TOLD_MAX) void send("problem", problem);
            },
          });
          await send("done", report);
        } catch (error) {
          const { code, detail } = problemOf(error);
          if (code === "INTERNAL" && !signal.aborted) onBug(error);
          await send("fault", { code, detail });
        }
        response.end();
      },
    },
  ];
}
