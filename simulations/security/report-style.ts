/** How the page looks: on screens light and dark, on paper black on white. Needs no other file. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1d2329;
  --soft: #59636e;
  --line: #d5dae0;
  --paper: #ffffff;
  --good: #0b6b4f;
  --mixed: #8a5a00;
  --bad: #a3260f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ec;
    --soft: #a3adb8;
    --line: #3a424b;
    --paper: #15191d;
    --good: #56c79c;
    --mixed: #e0ad4c;
    --bad: #f08a72;
  }
}
body {
  margin: 0 auto;
  padding: 2.5rem 1.25rem 4rem;
  max-width: 62rem;
  background: var(--paper);
  color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif;
}
h1 {
  font-size: 1.9rem;
  margin: 0 0 1rem;
}
h2 {
  font-size: 1.25rem;
  margin: 2.75rem 0 0.5rem;
}
header p,
.who,
footer,
dl {
  color: var(--soft);
}
header p {
  margin: 0.25rem 0;
}
p {
  max-width: 46rem;
}
table {
  width: 100%;
  border-collapse: collapse;
  margin: 1rem 0;
  font-size: 0.875rem;
}
th {
  text-align: left;
  font-weight: 600;
  color: var(--soft);
}
th,
td {
  padding: 0.4rem 0.75rem 0.4rem 0;
  border-bottom: 1px solid var(--line);
  vertical-align: top;
}
.wide {
  width: 36%;
}
.beside {
  width: 18%;
}
.number {
  text-align: right;
  font-variant-numeric: tabular-nums;
}
small {
  display: block;
  color: var(--soft);
  font-size: 0.8125rem;
}
.chip {
  white-space: nowrap;
  font-weight: 600;
}
.chip::before {
  content: "";
  display: inline-block;
  width: 0.55em;
  height: 0.55em;
  margin-right: 0.45em;
  border-radius: 50%;
  background: currentColor;
}
.good {
  color: var(--good);
}
.mixed {
  color: var(--mixed);
}
.bad {
  color: var(--bad);
}
.none {
  color: var(--soft);
}
.charts {
  display: flex;
  flex-wrap: wrap;
  gap: 1rem;
}
figure {
  margin: 0;
  max-width: 100%;
  background: #ffffff;
}
figure svg {
  max-width: 100%;
  height: auto;
}
dl {
  display: grid;
  grid-template-columns: max-content 1fr;
  gap: 0.2rem 1rem;
  font-size: 0.875rem;
}
dt {
  font-weight: 600;
}
dd {
  margin: 0;
}
a {
  color: inherit;
}
@media (max-width: 40rem) {
  table {
    display: block;
    overflow-x: auto;
  }
}
@media print {
  :root {
    --ink: #000000;
    --soft: #444444;
    --line: #bbbbbb;
    --paper: #ffffff;
    --good: #0b6b4f;
    --mixed: #8a5a00;
    --bad: #a3260f;
  }
  body {
    padding: 0;
    max-width: none;
    font-size: 9.5pt;
  }
  table {
    font-size: 8.5pt;
  }
  small {
    font-size: 8pt;
  }
  section {
    break-inside: auto;
  }
  h2,
  thead {
    break-after: avoid;
  }
  tr,
  figure {
    break-inside: avoid;
  }
}
`;
