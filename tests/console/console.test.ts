import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import type { HopMessage } from "../../protocol/index.ts";
import type { Receipt } from "../../party-node/receipt/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Tab, browserTest, chromiumPath, launch } from "./chromium.ts";
import { ABSENT, ConsoleFederation, DESK, SLOW } from "./console-federation.ts";
import { VIEWS, ask, askAll, enter, go, seriousViolations } from "./views.ts";

const QUESTION = "How long must records be kept after an incident?";
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> zanzibar cloves`;

const folder = temporaryFolder();
let c: ConsoleFederation;
let browser: Browser;
let tab: Tab;
let page: Page;

beforeAll(async () => {
  if (chromiumPath === null) return;
  [c, browser] = await Promise.all([ConsoleFederation.start(), launch()]);
  tab = await Tab.open(browser, { colorScheme: "light" });
  ({ page } = tab);
  await enter(page, c);
});
afterAll(async () => {
  folder[Symbol.dispose]();
  if (chromiumPath === null) return;
  await browser.close();
  await c[Symbol.asyncDispose]();
});

const statusOf = (party: string): Promise<string | null> =>
  page.locator(`[data-party="${party}"]`).getAttribute("data-status");

describe("asking", () => {
  browserTest("shows who has answered while others are still waited for, then the passages", async () => {
    await ask(page, QUESTION);
    await page.waitForSelector('[data-party="northgate-bank"][data-status="answered"]');
    await page.waitForSelector('[data-party="hale-and-partners"][data-status="answered"]');
    await page.waitForSelector(`[data-party="${DESK}"][data-status="answered"]`);
    await page.waitForSelector(`[data-party="${ABSENT}"][data-status="missing"]`);
    expect(await statusOf(SLOW)).toBe("waiting");
    expect(await page.locator(".passage").count()).toBe(0);
    await c.slow.asked();
    c.slow.refuse("this party does not let you ask");
    await page.waitForSelector(`[data-party="${SLOW}"][data-status="missing"]`);
    expect(await page.locator(`[data-party="${SLOW}"]`).innerText()).toContain("This party does not let you ask.");
    await page.waitForSelector(".receipt-line");
    expect(await page.locator(".passage").count()).toBe(5);
    expect(await page.locator(".passage").first().innerText()).toMatch(/Most account records are kept for six years/);
    const scores = (await page.locator(".passage-score").allInnerTexts()).map((text) =>
      Number(/[\d.]+/.exec(text)?.[0]),
    );
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(await page.locator(".notice.warn").innerText()).toMatch(
      /This answer is partial. Without (st-anne, old-mill-clinic|old-mill-clinic, st-anne)/,
    );
  });

  browserTest("a citation opens, is turned and closed by keyboard alone, and gives the focus back", async () => {
    const focused = (): Promise<string> => page.evaluate("document.activeElement.textContent");
    await page.locator(".passage-open").first().focus();
    await page.keyboard.press("Tab");
    const second = await focused();
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open]");
    expect(await page.locator("dialog h2").innerText()).toBe(second);
    expect(await page.locator(".dialog-foot").innerText()).toContain("2 of 5");
    await page.keyboard.press("ArrowLeft");
    await page.waitForSelector('.dialog-foot:has-text("1 of 5")');
    expect(await page.locator(".reading").innerText()).toMatch(/Cheque images: six years/);
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog[open]", { state: "detached" });
    expect(await focused()).toBe(second);
  });

  browserTest("/ goes to the question from anywhere, ? shows the keys, and both can be switched off", async () => {
    await go(page, "security");
    await page.keyboard.press("/");
    await page.waitForSelector("#question:focus");
    await go(page, "security");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open] .keys");
    await page.click('dialog input[type="checkbox"]');
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog[open]", { state: "detached" });
    await page.keyboard.press("/");
    await page.keyboard.press("?");
    expect(await page.locator("dialog[open], #question").count()).toBe(0);
    await page.click('.side-buttons button:has-text("Keys")');
    await page.click('dialog input[type="checkbox"]');
    await page.keyboard.press("Escape");
  });
});

browserTest(
  "a receipt's numbers are those that the coordinator has counted, and the file holds no question",
  async () => {
    await go(page, "ask");
    const before = c.frames.length;
    await askAll(page, c, "Which documents must be shredded?");
    const frames = c.frames.slice(before);
    const bytes = (isWanted: (message: HopMessage, direction: "in" | "out") => boolean): number =>
      frames.reduce((sum, frame) => sum + (isWanted(frame.message, frame.direction) ? frame.bytes : 0), 0);
    const bank = "northgate-bank";
    // Whose connection is the querier's and whose the party's shows in who is named: both are one member's.
    const relayed = bytes((message, direction) => direction === "in" && "peer" in message && message.peer === bank);
    const up = relayed + bytes((message, direction) => direction === "in" && message.type === "query");
    const down = bytes(
      (message, direction) =>
        direction === "out" &&
        (message.type === "answer" ? message.party === bank : "peer" in message && message.peer === bank),
    );
    await page.click(".receipt-line");
    await page.waitForSelector(".recipient");
    const shownOf = async (name: string): Promise<number[]> => {
      const figures = await page.locator(`[data-recipient="${name}"] .flow-bytes`).all();
      return Promise.all(figures.map(async (figure) => Number(await figure.getAttribute("data-bytes"))));
    };
    expect(await shownOf(bank)).toEqual([up, down]);
    expect(up).toBeGreaterThan(100_000);
    expect(down).toBeGreaterThan(32_768);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download as JSON")]);
    const text = readFileSync(await download.path(), "utf8");
    const { total, recipients } = JSON.parse(text) as Receipt;
    expect(await shownOf("hub")).toEqual([total.up.bytes, total.down.bytes]);
    expect(recipients.map(({ name }) => name)).toEqual(expect.arrayContaining(["hub", DESK, SLOW]));
    expect(text).not.toMatch(/shredded|records-retention/);
    expect(await page.locator(`[data-recipient="${ABSENT}"]`).innerText()).toContain("it was not connected");
  },
);

browserTest("a question that is stopped has a receipt, which says so", async () => {
  await go(page, "ask");
  await ask(page, "Which records are kept for ten years?");
  await c.slow.asked();
  await page.click('button:has-text("Stop")');
  await page.waitForSelector("text=You stopped this question.");
  c.slow.refuse("not any more");
  await page.click(".receipt-line");
  expect(await page.locator(".receipt .notice").innerText()).toContain("ended without an answer (ABORTED)");
  expect(await page.locator(`[data-recipient="${SLOW}"]`).innerText()).toContain("if this reached it");
});

describe("documents", () => {
  const passages = async (): Promise<number> =>
    Number(await page.locator(".tile:has-text('Passages') .tile-value").innerText());

  browserTest("a dropped file is taken in, served, found, and shown as the text that it is", async () => {
    await go(page, "collections");
    const before = await passages();
    const path = join(folder.path, "cloves & more.txt");
    writeFileSync(path, HOSTILE);
    await page.setInputFiles('input[type="file"]', path);
    await page.waitForSelector("text=1 added");
    await page.waitForSelector(`.tile:has-text('Passages') .tile-value:text-is("${String(before + 1)}")`);
    await page.fill('input[type="search"]', "cloves");
    await page.waitForSelector('tr:only-child td:has-text("cloves & more.txt")');
    await c.serves(before + 1);
    await go(page, "ask");
    await askAll(page, c, "zanzibar cloves");
    expect(await page.locator(".passage-text").first().innerText()).toBe(HOSTILE);
    await page.locator(".passage-open").first().click();
    await page.waitForSelector("dialog[open]");
    expect(await page.locator(".reading").innerText()).toBe(HOSTILE);
    await page.keyboard.press("Escape");
    expect(await page.title()).not.toBe("owned");
    expect(await page.locator(".passage img, .passage script").count()).toBe(0);
  });

  browserTest("an erased document is gone from the list and the store", async () => {
    await go(page, "collections");
    const before = await passages();
    await page.fill('input[type="search"]', "cloves");
    await page.click('button:has-text("Erase cloves & more.txt")');
    await page.click("dialog .danger");
    await page.waitForSelector("text=No document has that in its name.");
    await page.waitForSelector(`.tile:has-text('Passages') .tile-value:text-is("${String(before - 1)}")`);
    const store = c.federation.party(DESK).openStore();
    expect(store.documentKeys("").filter((key) => key.includes("cloves"))).toEqual([]);
    store.close();
    await page.fill('input[type="search"]', "");
  });

  browserTest("a file that cannot be read is named, by the name the person knows", async () => {
    const path = join(folder.path, "broken.jsonl");
    writeFileSync(path, "no json\n");
    await page.setInputFiles('input[type="file"]', path);
    const words = await page.locator(".drop-progress .notice.warn").first().innerText();
    expect(words).toMatch(/^broken\.jsonl, line 1: /);
  });
});

browserTest(
  "a file of nothing but bad lines is read to its end, with its first problems listed and all counted",
  async () => {
    await go(page, "collections");
    const path = join(folder.path, "bad.jsonl");
    writeFileSync(path, "x\n".repeat(25_000));
    await page.setInputFiles('input[type="file"]', path);
    await page.waitForSelector("text=And 24,900 more. All by reason: 25,000 NOT_JSON.");
    expect(await page.locator(".drop-problems li").count()).toBe(100);
  },
);

browserTest("who is there, and how far the coordinator is", async () => {
  await go(page, "federation");
  expect(await page.locator(`[data-member="${DESK}"]`).innerText()).toMatch(
    /this node[\s\S]*connected, last answer in/,
  );
  expect(await page.locator(`[data-member="${ABSENT}"]`).innerText()).toContain("not connected");
  await page.waitForSelector("text=/^\\d+ ms$/");
});

browserTest("that nobody answered is said, with what to start; commands in messages are shown as such", async () => {
  await using other = await Tab.open(browser);
  await enter(other.page, c);
  const fault = { code: "PARTY_OFFLINE", reason: "not there; see `sotto doctor`" };
  const parties = [{ party: DESK, status: "missing", passagesScored: 0, ms: 1, fault }];
  const none = { messages: 0, bytes: 0 };
  const answer = { passages: [], parties, timingsMs: { total: 1 }, receipt: { total: { up: none, down: none } } };
  await other.page.route("**/api/questions", (route) =>
    route.fulfill({
      contentType: "text/event-stream",
      body: `event: asked\ndata: {"parties":["${DESK}"],"online":[]}\n\nevent: answer\ndata: ${JSON.stringify(answer)}\n\n`,
    }),
  );
  await ask(other.page, QUESTION);
  await other.page.waitForSelector(".receipt-line");
  expect(await other.page.locator(".nothing").innerText()).toBe("Nobody answered, so nothing was searched.");
  expect(await other.page.locator(".notice.warn").innerText()).toMatch(
    /^Nobody answered\. .*is this node itself: .*Start sotto node/,
  );
  expect(await other.page.locator(`[data-party="${DESK}"]`).innerText()).toContain("Not there; see sotto doctor.");
  expect(await other.page.locator(`[data-party="${DESK}"] code`).innerText()).toBe("sotto doctor");
});

browserTest("titles, names and places of others cannot reorder what stands beside them", async () => {
  await using other = await Tab.open(browser);
  await enter(other.page, c);
  const foreign = { title: "gnp\u202Etitle", documentId: "\u2067name", place: "\u202Bpage\u00073", party: DESK };
  const passage = { ...foreign, text: "A passage.", ordinal: 0, score: 1 };
  const fault = { code: "NOT_ALLOWED", reason: "no \u202Eon" };
  const parties = [{ party: SLOW, status: "missing", passagesScored: 0, ms: 1, fault }];
  const none = { messages: 0, bytes: 0 };
  const receipt = { total: { up: none, down: none }, recipients: [] };
  const answer = { passages: [passage], parties, timingsMs: { total: 1 }, receipt };
  const events = { asked: { parties: [SLOW], online: [] }, answer };
  const body = Object.entries(events).map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  await other.page.route("**/api/questions", (route) =>
    route.fulfill({ contentType: "text/event-stream", body: body.join("") }),
  );
  await ask(other.page, QUESTION);
  await other.page.waitForSelector(".passage");
  await other.page.locator(".passage-open").click();
  await other.page.waitForSelector("dialog[open]");
  const isolated = await other.page.locator(".answer bdi").allTextContents();
  expect(isolated).toEqual(expect.arrayContaining(["gnptitle", "name", "page 3", "No on."]));
  expect(await other.page.locator("dialog h2 bdi").innerText()).toBe("gnptitle");
  expect(await other.page.locator("main").innerText()).not.toMatch(/\p{Cf}/u);
  const directions = "[...document.querySelectorAll('bdi')].map((one) => getComputedStyle(one).unicodeBidi)";
  expect(new Set(await other.page.evaluate<string[]>(directions))).toEqual(new Set(["isolate"]));
});

browserTest("limits are in one unit", async () => {
  await go(page, "collections");
  expect(await page.locator(".drop-zone").innerText()).toMatch(/at most 200 files of 64 MiB each/);
});

browserTest("the security report begins with this federation's own mode", async () => {
  await go(page, "security");
  const modes = await page.locator("table.summary tbody td:nth-child(2)").allInnerTexts();
  const rank = (mode: string): number => (mode === "private" ? 0 : mode === "all" ? 1 : 2);
  expect(modes.map(rank)).toEqual(modes.map(rank).toSorted());
  expect(new Set(modes).size).toBeGreaterThan(3);
  expect(await page.locator(".lead").innerText()).toContain("This federation’s mode is private");
});

browserTest("the security report's charts are drawn for both schemes", async () => {
  await go(page, "security");
  await page.click('.attack summary:has-text("What the stored vectors show")');
  const image = page.locator(".attack[open] img").first();
  await image.scrollIntoViewIfNeeded();
  const isDrawn = async (scheme: string): Promise<void> => {
    await page.waitForSelector(`.attack[open] img[src*="/${scheme}/"] >> nth=0`);
    const width = "(async (drawn) => { await drawn.decode(); return drawn.naturalWidth; })";
    expect(await page.evaluate(`${width}(document.querySelector(".attack[open] img"))`)).toBeGreaterThan(100);
  };
  await isDrawn("light");
  await page.click('button:has-text("Dark colours")');
  await isDrawn("dark");
  await page.click('button:has-text("Light colours")');
});

describe("how it looks", () => {
  const background = (of: Page): Promise<string> => of.evaluate("getComputedStyle(document.body).backgroundColor");

  browserTest("follows the system's colours, and the switch before them, also after a reload", async () => {
    await using other = await Tab.open(browser, { colorScheme: "dark" });
    await enter(other.page, c);
    const [dark, light] = [await background(other.page), await background(page)];
    expect(dark).not.toBe(light);
    await other.page.click('button:has-text("Light colours")');
    expect(await background(other.page)).toBe(light);
    await other.page.reload();
    await other.page.waitForSelector("#question");
    expect(await background(other.page)).toBe(light);
    await other.page.emulateMedia({ colorScheme: "light" });
    await other.page.click('button:has-text("Dark colours")');
    expect(await background(other.page)).toBe(dark);
  });

  browserTest.each(["light", "dark"] as const)(
    "no view has what axe calls serious, and none is wider than 360 pixels allow: %s",
    async (colorScheme) => {
      await using other = await Tab.open(browser, { colorScheme, viewport: { width: 360, height: 740 } });
      await enter(other.page, c);
      expect(await seriousViolations(other.page)).toEqual([]);
      await askAll(other.page, c, QUESTION);
      for (const view of VIEWS) {
        await go(other.page, view);
        const wide = await other.page.evaluate("document.documentElement.scrollWidth");
        expect([view, wide]).toEqual([view, 360]);
        expect([view, await seriousViolations(other.page)]).toEqual([view, []]);
        if (view !== "ask") continue;
        await other.page.locator(".passage-open").first().click();
        await other.page.waitForSelector("dialog[open]");
        expect(await seriousViolations(other.page)).toEqual([]);
        await other.page.keyboard.press("Escape");
      }
      expect(other.complaints).toEqual([]);
    },
  );
});

describe("who may come in", () => {
  browserTest("the plain address says what to do, and a link works once", async () => {
    const { link } = c;
    await using other = await Tab.open(browser);
    await other.page.goto(c.origin);
    await other.page.waitForSelector("text=open the newest link that it has printed");
    expect(await other.page.locator("#question").count()).toBe(0);
    await enter(other.page, c);
    expect(other.page.url()).not.toContain("code");
    await using third = await Tab.open(browser);
    await third.page.goto(link);
    await third.page.waitForSelector("text=This link was used before");
  });
});

browserTest("every request went to the node, and the policy was never broken", () => {
  expect(tab.requests.length).toBeGreaterThan(20);
  expect(tab.requests.filter((url) => !url.startsWith(`${c.origin}/`) && !url.startsWith(`blob:${c.origin}/`))).toEqual(
    [],
  );
  expect(tab.complaints).toEqual([]);
});

if (chromiumPath === null)
  test.skip("the console in a browser (skipped: no Chromium here; name one with CHROMIUM_PATH)", () => {});
