import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Overview, SecurityLine, SecuritySection, SecurityView as Security, Verdict } from "../../api.ts";
import { Heading } from "../components/heading.tsx";
import { FaultNotice } from "../components/notice.tsx";
import { Prose } from "../components/prose.tsx";
import { loaded } from "../state/loaded.ts";
import { address, place } from "../state/route.ts";
import { scheme } from "../state/theme.ts";

const security = loaded<Security>("/api/security");

const KINDS: Readonly<Record<string, string>> = {
  withstood: "good",
  "in part": "warn",
  succeeds: "bad",
} satisfies Partial<Record<Verdict, string>>;

type Mode = SecurityLine["mode"];

/** What concerns this federation first: its own mode, then what holds in every mode; otherwise in the report's order. */
function ownFirst<Row>(rows: readonly Row[], own: Mode, modesOf: (row: Row) => readonly Mode[]): Row[] {
  const rank = (row: Row): number => (modesOf(row).includes(own) ? 0 : modesOf(row).includes("all") ? 1 : 2);
  return rows.toSorted((a, b) => rank(a) - rank(b));
}

export function SecurityView({ overview: { mode } }: { readonly overview: Overview }): JSX.Element {
  useEffect(() => {
    if (security.value.value === null) void security.load();
  }, []);
  const view = security.value.value;
  return (
    <>
      <Heading title="Security" />
      {security.fault.value ? <FaultNotice fault={security.fault.value} /> : null}
      <p class="lead">
        What attacks on this version came to, in runs that anybody can repeat with <code>sotto evaluate security</code>.
        “Succeeds” and “in part” are what to read first.{" "}
        {view?.lines.some((line) => line.mode === mode) ? `This federation’s mode is ${mode}: it comes first.` : null}
      </p>
      {view ? (
        <>
          <Summary lines={ownFirst(view.lines, mode, (line) => [line.mode])} />
          <details class="about">
            <summary>How it was measured</summary>
            {[...view.about, view.legend].map((text) => (
              <p key={text}>{text}</p>
            ))}
          </details>
          <h2>Attack by attack</h2>
          <div class="attacks">
            {ownFirst(view.sections, mode, ({ rows }) => rows.map((row) => row.mode)).map((section) => (
              <Section key={section.name} section={section} mode={mode} />
            ))}
          </div>
        </>
      ) : null}
    </>
  );
}

function Chip({ text }: { readonly text: string }): JSX.Element {
  return <span class={`chip ${KINDS[text] ?? ""}`}>{text}</span>;
}

function Summary({ lines }: { readonly lines: readonly SecurityLine[] }): JSX.Element {
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="All attacks in short">
      <table class="summary">
        <thead>
          <tr>
            <th scope="col">Attack</th>
            <th scope="col">Mode</th>
            <th scope="col">Outcome</th>
            <th scope="col" class="figure">
              Withstood
            </th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ name, title, role, mode, verdict, withstood }) => (
            <tr key={`${name} ${mode}`}>
              <td>
                <a href={address("security", name)}>{title}</a>
                <span class="soft"> {role}</span>
              </td>
              <td>{mode}</td>
              <td>
                <Chip text={verdict} />
              </td>
              <td class="figure">{withstood}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Section({ section, mode }: { readonly section: SecuritySection; readonly mode: Mode }): JSX.Element {
  const { name, title, role, holds, words, charts, rows, method, assumptions, papers } = section;
  const isChosen = place.value.detail === name;
  useEffect(() => {
    if (isChosen) document.getElementById(`attack-${name}`)?.scrollIntoView({ block: "start" });
  }, [isChosen]);
  return (
    <details id={`attack-${name}`} class="attack" open={isChosen}>
      <summary>
        <h3>{title}</h3>
      </summary>
      <p class="soft">
        {role}, who holds {holds}
      </p>
      {words.map((text) => (
        <p key={text}>
          <Prose text={text} />
        </p>
      ))}
      <div class="charts">
        {charts.map((chart, index) => (
          <img
            key={chart.title}
            src={`/charts/${scheme.value}/${name}/${String(index)}`}
            alt={`${chart.title}; its figures are in the table below`}
            loading="lazy"
          />
        ))}
      </div>
      <div class="wide" tabIndex={0} role="region" aria-label={`Figures: ${title}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Mode</th>
              <th scope="col">Measured</th>
              <th scope="col" class="figure">
                Figure
              </th>
              <th scope="col" class="figure">
                Unprotected
              </th>
              <th scope="col" class="figure">
                Guessing
              </th>
              <th scope="col">Outcome</th>
            </tr>
          </thead>
          <tbody>
            {ownFirst(rows, mode, (row) => [row.mode]).map((row, index) => (
              <tr key={index}>
                <td>{row.mode}</td>
                <td>{row.measured}</td>
                <td class="figure">{row.value}</td>
                <td class="figure">{row.unprotected}</td>
                <td class="figure">{row.guessing}</td>
                <td>
                  <Chip text={row.outcome} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <dl class="terms">
        <dt>How</dt>
        <dd>
          <Prose text={method} />
        </dd>
        <dt>Assumed</dt>
        <dd>
          <Prose text={assumptions} />
        </dd>
        {papers.length === 0 ? null : (
          <>
            <dt>After</dt>
            <dd>{papers.map(({ citation, id }) => `${citation} (${id})`).join("; ")}</dd>
          </>
        )}
      </dl>
    </details>
  );
}
