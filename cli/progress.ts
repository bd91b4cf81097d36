import { MultiBar, Presets, type SingleBar } from "cli-progress";

/** Bars for several things at once, on standard error; silent when that is not a terminal and `always` is not set. */
export class ProgressBars {
  readonly #bars: MultiBar | null;
  readonly #rows = new Map<string, SingleBar>();
  readonly #nameLength: number;

  constructor({ names, show }: { readonly names: readonly string[]; readonly show: boolean }) {
    this.#nameLength = Math.max(0, ...names.map((name) => name.length));
    this.#bars = show
      ? new MultiBar(
          {
            format: "  {name}  {bar} {percentage}%  {value}/{total} passages  {rate}/s  {phase}{timeLeft}",
            stream: process.stderr,
            noTTYOutput: true,
            notTTYSchedule: 1000,
            hideCursor: true,
            barsize: 24,
            clearOnComplete: false,
            stopOnComplete: false,
            fps: 8,
          },
          Presets.shades_classic,
        )
      : null;
  }

  update(
    name: string,
    {
      phase,
      done,
      total,
      passagesPerSecond,
      files,
      secondsLeft = null,
    }: {
      readonly phase: string;
      readonly done: number;
      readonly total: number | null;
      readonly passagesPerSecond: number;
      readonly files?: { readonly done: number; readonly total: number } | null;
      readonly secondsLeft?: number | null;
    },
  ): void {
    if (!this.#bars) return;
    const payload = {
      name: name.padEnd(this.#nameLength),
      rate: passagesPerSecond > 0 ? String(Math.round(passagesPerSecond)) : "-",
      phase: files ? `${phase} file ${String(files.done)} of ${String(files.total)}` : phase,
      timeLeft: secondsLeft === null ? "" : `, ${inWords(secondsLeft)} left`,
    };
    let row = this.#rows.get(name);
    if (!row) this.#rows.set(name, (row = this.#bars.create(total ?? done, done, payload)));
    row.setTotal(Math.max(1, total ?? done));
    row.update(done, payload);
  }

  stop(): void {
    this.#bars?.stop();
  }
}

/** "40 s", "12 min", "3.5 h". */
function inWords(seconds: number): string {
  if (seconds < 90) return `${String(Math.ceil(seconds))} s`;
  return seconds < 5400 ? `${String(Math.round(seconds / 60))} min` : `${(seconds / 3600).toFixed(1)} h`;
}
