import { test } from "@jest/globals";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../support/cli.ts";
import { Tab, chromiumPath, launch } from "./chromium.ts";
import { ConsoleFederation } from "./console-federation.ts";
import { VIEWS, askAll, enter, go } from "./views.ts";

const isWanted = process.env["SOTTO_SCREENSHOTS"] === "1" && chromiumPath !== null;
const folder = join(repository, "docs", "console");

(isWanted ? test : test.skip)("docs/console/*.png (made where SOTTO_SCREENSHOTS=1 asks for them)", async () => {
  mkdirSync(folder, { recursive: true });
  await using c = await ConsoleFederation.start();
  await using browser = await launch();
  for (const colorScheme of ["light", "dark"] as const) {
    await using tab = await Tab.open(browser, { colorScheme, viewport: { width: 1200, height: 800 } });
    const { page } = tab;
    const shoot = (name: string): Promise<unknown> =>
      page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), animations: "disabled" });
    await enter(page, c);
    await shoot("start");
    await askAll(page, c, "How long must records be kept after an incident?");
    for (const view of VIEWS) {
      await go(page, view);
      if (view === "federation") await page.waitForSelector("text=/^\\d+ ms$/");
      if (view === "security") {
        await page.click('.attack summary:has-text("What the stored vectors show")');
        await page.locator(".attack[open] .charts").scrollIntoViewIfNeeded();
        await page.evaluate(
          "Promise.all([...document.querySelectorAll('.attack[open] img')].map((one) => one.decode()))",
        );
      }
      await shoot(view);
    }
    await go(page, "ask");
    await page.locator(".passage-open").nth(1).click();
    await page.waitForSelector("dialog[open]");
    await shoot("passage");
    await page.keyboard.press("Escape");
    await page.setViewportSize({ width: 390, height: 800 });
    await page.evaluate("scrollTo(0, 0)");
    await shoot("narrow");
  }
});
