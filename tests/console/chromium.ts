import { test } from "@jest/globals";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";

const PLACES = [process.env["CHROMIUM_PATH"], "/usr/bin/chromium", "/usr/bin/chromium-browser"];
export const chromiumPath = PLACES.find((path) => path !== undefined && existsSync(path)) ?? null;

/** A test in a real browser; skipped where there is none, which a test of its own says by its name. */
export const browserTest = chromiumPath === null ? test.skip : test;

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath ?? "",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

/** A tab, and all that it asked for and complained of. */
export class Tab implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Addresses of all requests. */
  readonly requests: string[] = [];
  /** Errors and warnings of the page, violations of its policy among them. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
  }

  static async open(browser: Browser, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    return new Tab(context, await context.newPage());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
