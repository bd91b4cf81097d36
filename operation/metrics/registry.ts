/*
 * The part of Prometheus' client that we need: counters, gauges and histograms, and the text format 0.0.4 that it reads
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */

export type Labels = Readonly<Record<string, string>>;

interface Metric {
  lines(): string[];
}

/** Only grows. */
export class Counter implements Metric {
  readonly #name: string;
  readonly #values = new Map<string, number>();

  /** @param labelled - Whether it is only there with labels; one without starts at 0. */
  constructor(name: string, labelled: boolean) {
    this.#name = name;
    if (!labelled) this.#values.set("", 0);
  }

  /** @param by - 0 or more. */
  add(by: number, labels: Labels = {}): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  lines(): string[] {
    return [...this.#values].map(([labels, value]) => `${this.#name}${labels} ${String(value)}`);
  }
}

/** Read when somebody asks. */
class Gauge implements Metric {
  readonly #name: string;
  readonly #read: () => Iterable<readonly [Labels, number]>;

  constructor(name: string, read: () => Iterable<readonly [Labels, number]>) {
    this.#name = name;
    this.#read = read;
  }

  lines(): string[] {
    return [...this.#read()].map(([labels, value]) => `${this.#name}${labelText(labels)} ${String(value)}`);
  }
}

/** How many values were at most each bound, with their sum. */
export class Histogram implements Metric {
  readonly #name: string;
  readonly #bounds: readonly number[];
  /** One more than bounds. */
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds - Rising. */
  constructor(name: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    this.#counts[found < 0 ? this.#bounds.length : found]!++;
    this.#sum += value;
  }

  lines(): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, i) => {
      total += count;
      return `${this.#name}_bucket${labelText({ le: String(this.#bounds[i] ?? "+Inf") })} ${String(total)}`;
    });
    return [...buckets, `${this.#name}_sum ${String(this.#sum)}`, `${this.#name}_count ${String(total)}`];
  }
}

/** All metrics of a process. Names and help are ours, never a peer's. */
export class MetricsRegistry {
  readonly #metrics: { readonly head: string; readonly metric: Metric }[] = [];

  counter(name: string, help: string, { labelled = false } = {}): Counter {
    return this.#add(name, "counter", help, new Counter(name, labelled));
  }

  gauge(name: string, help: string, read: () => number): void {
    this.labelledGauge(name, help, () => [[{}, read()]]);
  }

  labelledGauge(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): void {
    this.#add(name, "gauge", help, new Gauge(name, read));
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(name, "histogram", help, new Histogram(name, bounds));
  }

  text(): string {
    return this.#metrics.map(({ head, metric }) => [head, ...metric.lines()].join("\n") + "\n").join("");
  }

  #add<Kind extends Metric>(name: string, type: string, help: string, metric: Kind): Kind {
    this.#metrics.push({ head: `# HELP ${name} ${help}\n# TYPE ${name} ${type}`, metric });
    return metric;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`))}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
