import type { ReportRow, ReportSection, SecurityReport } from "./report.ts";
import { drawFigure } from "./draw-chart.ts";
import { REPORT_STYLE } from "./report-style.ts";
import { LEGEND, aboutWords, figure, inFull, outcomeText, papersText, valueText } from "./report-words.ts";
import { verdictLines } from "./verdicts.ts";

/** Text that is HTML already. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Prose in which names of options and modes stand between backticks. */
function prose(text: string): Html {
  const parts = text.split("`");
  return new Html(parts.map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>`.text : inHtml(part))).join(""));
}

type Part = string | number | Html | readonly Html[];

/** Everything that is put in is escaped, but for what is HTML. */
function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((text, string, i) => `${text}${inHtml(parts[i - 1] ?? "")}${string}`));
}

function inHtml(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("\n");
  return String(part)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** One page that asks nothing of any network; reads well on paper. */
export async function reportInHtml(report: SecurityReport): Promise<string> {
  const sections: Html[] = [];
  for (const section of report.sections) sections.push(await sectionIn(section, report));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>Sotto: security evaluation</title>
        <style>
          ${new Html(REPORT_STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>Security evaluation</h1>
          ${aboutWords(report).map((sentence) => html`<p>${sentence}</p>`)}
          <p class="legend">${LEGEND}</p>
        </header>
        <main>
          <section id="in-short">
            <h2>In short</h2>
            ${summaryIn(report)} ${adviceIn(report)}
          </section>
          ${sections} ${missingIn(report)}
        </main>
        <footer><p>${timesIn(report)}</p></footer>
      </body>
    </html> `.text;
}

function summaryIn(report: SecurityReport): Html {
  const rows = verdictLines(report).map(
    ({ name, title, role, mode, verdict, withstood, furthest }) =>
      html`<tr>
        <td><a href="#${name}">${title}</a>${furthest ? html`<small>${inFull(furthest)}</small>` : ""}</td>
        <td>${role}</td>
        <td>${mode}</td>
        <td><span class="chip ${chipClass(verdict)}">${verdict}</span></td>
        <td class="number">${withstood}</td>
      </tr>`,
  );
  return html`<table>
    <thead>
      <tr>
        <th scope="col">attack, and where the attacker came furthest</th>
        <th scope="col">who</th>
        <th scope="col">mode</th>
        <th scope="col">outcome</th>
        <th scope="col" class="number">withstood</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function adviceIn({ sections }: SecurityReport): Html {
  const advice = sections.flatMap((section) => section.advice);
  if (advice.length === 0) return html``;
  return html`<h2>What to change</h2>
    <ul class="advice">
      ${advice.map(({ setting, text }) => html`<li><code>${setting}</code>: ${prose(text)}</li>`)}
    </ul>`;
}

async function sectionIn(section: ReportSection, { attacks }: SecurityReport): Promise<Html> {
  const { name, title, role, holds, words, charts, assumptions, method, papers } = section;
  const drawn: Html[] = [];
  for (const chart of charts) drawn.push(html`<figure>${new Html(await drawFigure(chart))}</figure>`);
  return html`<section id="${name}">
    <h2>${title}</h2>
    <p class="who"><strong>${role}</strong>, who holds ${holds}</p>
    ${words.map((paragraph) => html`<p>${prose(paragraph)}</p>`)}
    ${figuresIn(attacks.filter((row) => row.name === name))}
    <div class="charts">${drawn}</div>
    <dl>
      <dt>How</dt>
      <dd>${prose(method)}</dd>
      <dt>Assumed</dt>
      <dd>${prose(assumptions)}</dd>
      ${
        papers.length === 0
          ? ""
          : html`<dt>After</dt>
              <dd>${papersText(papers)}</dd>`
      }
    </dl>
  </section>`;
}

function figuresIn(rows: readonly ReportRow[]): Html {
  // Where all figures are of one kind, it is said once.
  const [metric, ...others] = new Set(rows.map((row) => row.metric));
  const head = others.length === 0 ? metric! : "measured as";
  const lines = rows.map(
    (row) =>
      html`<tr>
        <td>${row.mode}</td>
        <td>
          ${others.length === 0 ? row.setting : row.metric}
          ${others.length === 0 || row.setting === "" ? "" : html`<small>${row.setting}</small>`}
          ${row.note === undefined ? "" : html`<small>${row.note}</small>`}
        </td>
        <td class="number">${valueText(row)}</td>
        <td class="number">${figure(row.baseline)}<small>${row.baselineIs}</small></td>
        <td class="number">${row.guessing === null ? "" : figure(row.guessing)}</td>
        <td class="number">${row.direction === "above" ? "≥" : "≤"} ${figure(row.threshold)}</td>
        <td><span class="chip ${chipClass(outcomeText(row))}">${outcomeText(row)}</span></td>
      </tr>`,
  );
  return html`<table>
    <thead>
      <tr>
        <th scope="col">mode</th>
        <th scope="col" class="wide">${head}</th>
        <th scope="col" class="number">figure</th>
        <th scope="col" class="number beside">unprotected</th>
        <th scope="col" class="number">guessing</th>
        <th scope="col" class="number">threshold</th>
        <th scope="col">outcome</th>
      </tr>
    </thead>
    <tbody>
      ${lines}
    </tbody>
  </table>`;
}

function missingIn({ missing }: SecurityReport): Html {
  if (missing.length === 0) return html``;
  return html`<section>
    <h2>Not run</h2>
    <ul>
      ${missing.map(({ name, why }) => html`<li>${name}: ${why}</li>`)}
    </ul>
  </section>`;
}

function timesIn({ times }: SecurityReport): string {
  return `${times.startedAt}, ${times.seconds.toFixed(0)} seconds on ${times.machine}`;
}

function chipClass(outcome: string): string {
  return { withstood: "good", "in part": "mixed", succeeds: "bad" }[outcome] ?? "none";
}
