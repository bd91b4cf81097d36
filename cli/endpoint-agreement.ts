import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { Fault } from "../crypto/index.ts";
import {
  type AgreedEndpoint,
  type AnswerFaultCode,
  EndpointAgreements,
  type ReachedEndpoint,
} from "../party-node/answering/index.ts";

/** Where a person answers; tests put streams of their own here. */
export interface AgreementSource {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly prompts: NodeJS.WritableStream;
}

export interface AgreementOptions {
  /** File of the agreements that are kept. */
  readonly path: string;
  /** Whether the command line has agreed for this one time. */
  readonly yes: boolean;
}

/**
 * Says what the endpoint will see and, unless it is on this machine or somebody has agreed before, asks whether that is wanted. A yes at the terminal is kept; `--yes` is
 * not.
 *
 * @throws Fault ENDPOINT_NOT_AGREED (also where there is no terminal), AGREEMENTS_MALFORMED, ABORTED (Ctrl-C, Ctrl-D).
 */
export async function agreeToEndpoint(
  endpoint: ReachedEndpoint,
  { path, yes }: AgreementOptions,
  { input, prompts }: AgreementSource = { input: process.stdin, prompts: process.stderr },
): Promise<AgreedEndpoint> {
  const agreements = new EndpointAgreements(path);
  const say = (text: string): void => void prompts.write(`${text}\n`);
  if (endpoint.isLoopback) {
    say(`Question and passages go to ${endpoint.base}, on this machine. If it passes them on, it does so in the open.`);
    return agreements.require(endpoint);
  }
  say(styleText("yellow", whatItSees(endpoint), { stream: process.stderr }));
  const before = agreements.agreedAt(endpoint);
  if (before) say(`You agreed to that on ${before.toISOString().slice(0, 10)} (${path}).`);
  if (yes || before !== null || input.isTTY !== true) return agreements.require(endpoint, { agreedNow: yes });
  if (!(await says("Agree, now and in future? [y/N] ", { input, prompts }))) throw declined(endpoint);
  agreements.remember(endpoint, new Date());
  return agreements.require(endpoint);
}

/** They were asked, so how to agree is no news to them. */
function declined({ base }: ReachedEndpoint): Fault {
  return new Fault<AnswerFaultCode>(
    "ENDPOINT_NOT_AGREED",
    `you did not agree, so nothing was sent to ${base} and no party was asked. Leave out --endpoint to see the passages alone, or name an endpoint on this machine`,
  );
}

function whatItSees({ base, chatUrl }: ReachedEndpoint): string {
  const network = chatUrl.protocol === "http:" ? " So does everybody on the way there: it is not encrypted." : "";
  return `${base} sees the question and the passages that are found, in the open.${network} The passages are other organisations' documents: make sure that they may be shown to it.`;
}

async function says(question: string, { input, prompts }: AgreementSource): Promise<boolean> {
  const lines = createInterface({ input, output: prompts, terminal: true, historySize: 0 });
  const aborted = new AbortController();
  lines.once("SIGINT", () => aborted.abort()).once("close", () => aborted.abort());
  try {
    return /^\s*y(es)?\s*$/i.test(await lines.question(question, { signal: aborted.signal }));
  } catch (cause) {
    throw new Fault("ABORTED", "nothing was agreed to and nothing was sent", cause);
  } finally {
    lines.close();
  }
}
