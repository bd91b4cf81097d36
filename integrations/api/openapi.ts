import { z } from "zod";
import {
  faultSchema,
  federationSchema,
  outcomeSchema,
  passageSchema,
  problemSchema,
  questionSchema,
  resultSchema,
} from "./schemas.ts";

/** Every schema that has an id: one that is missing here would be referred to and not there. */
const ANSWERS = [resultSchema, passageSchema, outcomeSchema, faultSchema, federationSchema, problemSchema];
const FOLDER = "#/components/schemas/";

/** Schemas by their ids, as OpenAPI 3.1 has them. */
function componentsOf(schemas: readonly z.ZodType[], io: "input" | "output"): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const schema of schemas) registry.add(schema, { id: z.globalRegistry.get(schema)?.id ?? "" });
  return z.toJSONSchema(registry, { io, uri: (id) => `${FOLDER}${id}` }).schemas;
}

const reference = (name: string): object => ({ $ref: `${FOLDER}${name}` });
const json = (name: string): object => ({ "application/json": { schema: reference(name) } });
const problem = (description: string): object => ({
  description,
  content: { "application/problem+json": { schema: reference("Problem") } },
});

/**
 * The interface of `sotto serve` as OpenAPI 3.1, made from the schemas by which requests are checked.
 *
 * @param url - Where it is served.
 */
export function openApi(url: string, version: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Sotto",
      version,
      description: "Asks a federation from this node. Served to programs of this machine alone.",
    },
    servers: [{ url }],
    security: [{ token: [] }],
    paths: {
      "/v1/query": {
        post: {
          operationId: "query",
          summary: "Asks all parties one question",
          description:
            "With `accept: text/event-stream` the answer is a stream: an event `party` with a PartyOutcome for each as it comes, then one `result` with the Result, or one `problem` with a Problem.",
          requestBody: { required: true, content: json("Question") },
          responses: {
            200: {
              description: "The passages. Parties that did not answer are in it with a fault.",
              content: { ...json("Result"), "text/event-stream": { schema: { type: "string" } } },
            },
            default: problem("Why there is no answer."),
          },
        },
      },
      "/v1/federation": {
        get: {
          operationId: "federation",
          summary: "Who is in the federation, and who is there",
          responses: {
            200: { description: "At this moment.", content: json("Federation") },
            default: problem("Why not."),
          },
        },
      },
      "/openapi.json": {
        get: {
          operationId: "openapi",
          summary: "This document; needs no token",
          security: [],
          responses: { 200: { description: "OpenAPI 3.1.", content: { "application/json": {} } } },
        },
      },
    },
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The content of access.token in the node's folder." },
      },
      schemas: {
        ...componentsOf([questionSchema], "input"),
        ...componentsOf(ANSWERS, "output"),
      },
    },
  };
}
