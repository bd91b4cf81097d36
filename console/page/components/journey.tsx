import type { JSX } from "preact";
import type { Receipt } from "../../api.ts";

const WIDTH = 720;
const ROW = 34;
/** Where the three columns begin and end. */
const HERE = 170;
const MIDDLE = [300, 420] as const;
const THERE = 550;
const STROKE = { least: 1.25, most: 7 } as const;

/** The way of one question, lines as thick as what went over them; the cards say the same in words. */
export function Journey({ receipt }: { readonly receipt: Receipt }): JSX.Element {
  const { recipients, total, querier } = receipt;
  const coordinators = recipients.filter(({ role }) => role === "coordinator");
  const members = recipients.filter(({ role }) => role !== "coordinator");
  const height = Math.max(members.length, coordinators.length, 2) * ROW;
  const centre = height / 2;
  const most = Math.max(total.up.bytes, total.down.bytes, 1);
  const thickness = (bytes: number): number => STROKE.least + (STROKE.most - STROKE.least) * (bytes / most);
  const yOf = (index: number, length: number): number => (height / length) * (index + 0.5);
  return (
    <svg class="journey" viewBox={`0 0 ${String(WIDTH)} ${String(height)}`} aria-hidden="true">
      {coordinators.map(({ name, traffic }, index) => {
        const y = yOf(index, coordinators.length);
        return (
          <g key={name}>
            <Line from={[HERE, centre - 6]} to={[MIDDLE[0], y - 6]} kind="up" width={thickness(traffic.up.bytes)} />
            <Line from={[HERE, centre + 6]} to={[MIDDLE[0], y + 6]} kind="down" width={thickness(traffic.down.bytes)} />
            <rect x={MIDDLE[0]} y={y - 15} width={MIDDLE[1] - MIDDLE[0]} height={30} rx={8} />
            <Label x={(MIDDLE[0] + MIDDLE[1]) / 2} y={y} anchor="middle" text={name} />
          </g>
        );
      })}
      {members.map(({ name, traffic, outcome }, index) => {
        const y = yOf(index, members.length);
        const isMissing = outcome?.status === "missing";
        return (
          <g key={name} class={isMissing ? "is-missing" : ""}>
            <Line from={[MIDDLE[1], centre - 6]} to={[THERE, y - 4]} kind="up" width={thickness(traffic.up.bytes)} />
            {isMissing ? null : (
              <Line
                from={[MIDDLE[1], centre + 6]}
                to={[THERE, y + 4]}
                kind="down"
                width={thickness(traffic.down.bytes)}
              />
            )}
            <Label x={THERE + 10} y={y} anchor="start" text={name} />
          </g>
        );
      })}
      <Label x={HERE - 10} y={centre} anchor="end" text={querier} />
    </svg>
  );
}

type Point = readonly [x: number, y: number];

interface LineProps {
  readonly from: Point;
  readonly to: Point;
  readonly kind: "up" | "down";
  readonly width: number;
}

function Line({ from: [x1, y1], to: [x2, y2], kind, width }: LineProps): JSX.Element {
  const bend = (x1 + x2) / 2;
  const path = `M${String(x1)} ${String(y1)}C${String(bend)} ${String(y1)} ${String(bend)} ${String(y2)} ${String(x2)} ${String(y2)}`;
  return <path class={`journey-${kind}`} d={path} stroke-width={width} />;
}

interface LabelProps {
  readonly x: number;
  readonly y: number;
  readonly anchor: "start" | "middle" | "end";
  readonly text: string;
}

function Label({ x, y, anchor, text }: LabelProps): JSX.Element {
  return (
    <text x={x} y={y} text-anchor={anchor} dominant-baseline="central">
      {text.length > 24 ? `${text.slice(0, 23)}…` : text}
    </text>
  );
}
