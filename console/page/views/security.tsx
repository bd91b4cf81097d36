import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { SecurityLine, SecuritySection, SecurityView as Security, Verdict } from "../../api.ts";
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

export function SecurityView(): JSX.Element {
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
        “Succeeds” and “in part” are what to read first.
      </p>
      {view ? (
        <>
          <Summary lines={view.lines} />
          <details class="about">
            <summary>How it was measured</summary>
            {[...view.about, view.legend].map((text) => (
              <p key={text}>{text}</p>
            ))}
          </details>
          <h2>Attack by attack</h2>
          <div class="attacks">
            {view.sections.map((section) => (
              <Section key={section.name} section={section} />
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

function Section({ section }: { readonly section: SecuritySection }): JSX.Element {
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
            {rows.map((row, index) => (
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
