import { decode } from "cborg";
import { seededRandom } from "../../simulations/seeded-random.ts";
import type { Coverage } from "./coverage.ts";
import { type Bug, examine } from "./examine.ts";
import { type Material, mutate } from "./mutate.ts";
import type { FuzzTarget } from "./target.ts";
import { wordsIn } from "./tree.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs to try, those of the seeds and the corpus included. */
  readonly inputsMax: number;
  readonly millisecondsMax: number;
  readonly coverage: Coverage;
  /** Different findings after which it ends; default 10. */
  readonly findingsMax?: number;
  /** Inputs of earlier runs. */
  readonly corpus: readonly Uint8Array[];
  /** Whether the report is to have a {@link FuzzReport.corpus}. */
  readonly keep?: boolean;
  /** Told every input before it is tried: whoever watches knows it when the process hangs. */
  readonly tell?: (input: Uint8Array) => void;
}

export interface Finding extends Bug {
  readonly target: string;
  readonly seed: number;
  readonly input: Uint8Array;
}

/** What fuzzing one decoder came to. */
export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** Blocks of the project's code that ran. */
  readonly blocks: number;
  /** Different reasons for which inputs were refused or taken. */
  readonly reasons: number;
  readonly seconds: number;
  readonly findings: readonly Finding[];
  /** With `keep` the shortest inputs that together reach all those blocks, without the decoder's seeds. */
  readonly corpus: readonly Uint8Array[];
}

const POOL_MAX = 4000;
/** A reason names a field of the input; a decoder that names arbitrary ones shall not fill the pool with them. */
const REASONS_MAX = 600;
const FINDINGS_MAX = 10;
const SHRINKING_TRIES = 400;
/** Of a corpus that is kept in the repository. */
const KEPT_BYTES_MAX = 1200;

/** Tries inputs one after another; those that reach new blocks, or are refused for a new reason, are what the next are made from. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(target, options, await target.seeds());
  await run.go();
  return run.report();
}

class FuzzRun {
  readonly #target: FuzzTarget;
  readonly #options: FuzzOptions;
  readonly #seeds: readonly Uint8Array[];
  readonly #random: () => number;
  readonly #pool: Uint8Array[] = [];
  readonly #reasons = new Set<string>();
  readonly #findings = new Map<string, Finding>();
  readonly #started = performance.now();
  #inputs = 0;
  #accepted = 0;

  constructor(target: FuzzTarget, options: FuzzOptions, seeds: readonly Uint8Array[]) {
    this.#target = target;
    this.#options = options;
    this.#seeds = seeds;
    this.#random = seededRandom(options.seed);
    options.coverage.reset();
  }

  async go(): Promise<void> {
    const { corpus, inputsMax, findingsMax = FINDINGS_MAX } = this.#options;
    for (const input of [...this.#seeds, ...corpus]) {
      await this.#try(input);
      if (this.#pool.length < POOL_MAX) this.#pool.push(input);
    }
    const material: Material = {
      form: this.#target.form,
      words: [...new Set(this.#seeds.flatMap((seed) => wordsOf(seed, this.#target.form)))],
      pool: this.#pool,
      bytesMax: this.#target.bytesMax ?? 4096,
      random: this.#random,
    };
    while (this.#inputs < inputsMax && this.#findings.size < findingsMax && this.#timeLeft()) {
      const input = mutate(this.#parent(), material);
      if ((await this.#try(input)) && this.#pool.length < POOL_MAX) this.#pool.push(input);
    }
  }

  async report(): Promise<FuzzReport> {
    const { coverage, seed } = this.#options;
    const blocks = coverage.own();
    const seconds = (performance.now() - this.#started) / 1000;
    const findings: Finding[] = [];
    for (const finding of this.#findings.values()) findings.push(await this.#shrunk(finding));
    return {
      target: this.#target.name,
      seed,
      inputs: this.#inputs,
      accepted: this.#accepted,
      refused: this.#inputs - this.#accepted,
      blocks,
      reasons: this.#reasons.size,
      seconds,
      findings,
      corpus: this.#options.keep ? await this.#fewest() : [],
    };
  }

  #timeLeft(): boolean {
    return performance.now() - this.#started < this.#options.millisecondsMax;
  }

  /** Half of the time one of the latest, which are those that are least explored. */
  #parent(): Uint8Array {
    const count = this.#pool.length;
    const from = this.#random() < 0.5 ? Math.floor(count * 0.8) : 0;
    return this.#pool[from + Math.floor(this.#random() * (count - from))] ?? new Uint8Array(0);
  }

  /** @returns Whether the input showed something new. */
  async #try(input: Uint8Array): Promise<boolean> {
    const { tell, coverage, seed } = this.#options;
    tell?.(input);
    const { accepted, reason, bug } = await examine(this.#target, input);
    this.#inputs++;
    if (accepted) this.#accepted++;
    const key = keyOf(bug);
    const known = this.#findings.get(key);
    if (bug && (!known || input.length < known.input.length))
      this.#findings.set(key, { ...bug, target: this.#target.name, seed, input });
    const isNewReason = !this.#reasons.has(reason) && this.#reasons.size < REASONS_MAX;
    if (isNewReason) this.#reasons.add(reason);
    return coverage.fresh() > 0 || isNewReason;
  }

  /** The same finding from less: pieces are left out, ever smaller ones, as long as it stays. */
  async #shrunk(finding: Finding): Promise<Finding> {
    let { input } = finding;
    let tries = finding.kind === "Slow" ? 0 : SHRINKING_TRIES;
    for (let size = input.length >> 1; size >= 1 && tries > 0; size >>= 1)
      for (let at = 0; at + size <= input.length && tries > 0; tries--) {
        const less = Uint8Array.from([...input.subarray(0, at), ...input.subarray(at + size)]);
        const { bug } = await examine(this.#target, less);
        if (keyOf(bug) === keyOf(finding)) input = less;
        else at += size;
      }
    return { ...finding, input };
  }

  async #fewest(): Promise<Uint8Array[]> {
    const { coverage } = this.#options;
    coverage.reset();
    for (const seed of this.#seeds) await examine(this.#target, seed);
    coverage.fresh();
    const made = this.#pool.slice(this.#seeds.length).sort((a, b) => a.length - b.length);
    const kept: Uint8Array[] = [];
    for (const input of made.filter(({ length }) => length <= KEPT_BYTES_MAX)) {
      const { bug } = await examine(this.#target, input);
      if (coverage.fresh() > 0 && !bug) kept.push(input);
    }
    return kept;
  }
}

const keyOf = (bug: Bug | null): string => (bug ? `${bug.kind} ${bug.where}` : "");

function wordsOf(seed: Uint8Array, form: FuzzTarget["form"]): string[] {
  try {
    if (form === "cbor") return wordsIn(decode(new Uint8Array(seed)));
    if (form === "json") return wordsIn(JSON.parse(Buffer.from(seed).toString()));
  } catch {
    // A seed whose structure is another one has words all the same.
  }
  return form === "bytes"
    ? []
    : [
        ...Buffer.from(seed)
          .toString()
          .matchAll(/[\p{L}\d_-]+|[^\p{L}\d\s]+/gu),
      ].map(([word]) => word);
}
