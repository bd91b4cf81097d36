import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import type { ConsoleFederation } from "./console-federation.ts";

export const VIEWS = ["ask", "receipts", "collections", "federation", "security"] as const;
export type ViewName = (typeof VIEWS)[number];

/** What is there once a view shows what it is for. */
const READY: Readonly<Record<ViewName, string>> = {
  ask: "#question",
  receipts: ".recipient",
  collections: ".documents table",
  federation: ".presence.is-on >> nth=0",
  security: ".attack >> nth=0",
};

export async function enter(page: Page, { link, cli }: ConsoleFederation): Promise<void> {
  const printed = cli.stdout.length;
  await page.goto(link);
  await page.waitForSelector("#question");
  // The next link is printed when this one was used.
  while (!cli.stdout.slice(printed).includes("#code=")) await cli.printed(/#code=[\s\S]*#code=/);
}

export async function go(page: Page, view: ViewName): Promise<void> {
  await page.click(`nav[aria-label="Views"] a[href="#/${view}"]`);
  await page.waitForSelector(READY[view]);
}

export async function ask(page: Page, question: string): Promise<void> {
  await page.fill("#question", question);
  await page.press("#question", "Enter");
}

/** Asks, has the slow party refuse, and waits for the passages. */
export async function askAll(page: Page, { slow }: ConsoleFederation, question: string): Promise<void> {
  await ask(page, question);
  await slow.asked();
  slow.refuse("this party does not let you ask");
  await page.waitForSelector(".receipt-line");
}

export interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly where: string;
}

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe finds that is serious or critical. */
export async function seriousViolations(page: Page): Promise<Violation[]> {
  await page.evaluate(readFileSync(axePath, "utf8"));
  // Colours that are on their way from one to another are no colours.
  await page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null)))");
  return page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ target, failureSummary }) => target.join(" ") + ": " + failureSummary).join("\\n") })))`);
}
