import type { Lab } from "./lab.ts";

/** Who attacks; see SECURITY.md for what each of them is. */
export type Role =
  | "host or stolen disk"
  | "host with known pairs"
  | "host over time"
  | "coordinator and all parties but the querier"
  | "anyone on the wire"
  | "querier"
  | "training party or server"
  | "malicious party"
  | "malicious party or coordinator"
  | "nobody: users' own typing";

/** What is attacked: a protection mode, or what leaves a party in training or with codes. */
export type Mode = "private" | "outsourced" | "double" | "vertical" | "training" | "all";

export interface Paper {
  /** Authors, title, year. */
  readonly citation: string;
  /** arXiv number, eprint number or DOI, as `arXiv 2212.00325`. */
  readonly id: string;
}

/** What the product does about an act: `prevented`, nobody is harmed; `detected`, harm of another kind remains, such as a missing answer, and its victim is told. */
export type Defence = "prevented" | "detected" | "open";

/** One figure of an attack, beside the same figure where nothing protects. */
export interface Finding {
  readonly mode: Mode;
  /** What this figure is for, where an attack has several: `beta 1, rotated`. Empty for the defaults. */
  readonly setting: string;
  /** Name and unit: `exact match@1`, `cosine of recovered vectors`. */
  readonly metric: string;
  readonly value: number;
  /** The same attack where nothing protects, in the same run. */
  readonly baseline: number;
  /** What the unprotected baseline is: `vectors in the open`, `clear mode`, `float outputs`. */
  readonly baselineIs: string;
  /** What somebody gets who sees nothing; null where there is no such thing. */
  readonly guessing: number | null;
  /** From here on the attack counts as successful, in the sense of {@link direction}. */
  readonly threshold: number;
  /** Whether larger or smaller figures are the attacker's success. */
  readonly direction: "above" | "below";
  /** 95 % confidence interval of `value`. */
  readonly interval?: readonly [low: number, high: number];
  /** A few words on how it came about, such as who noticed: `the querier: ANSWER_FORGED`. */
  readonly note?: string;
  /** Set where the row is one act of somebody who does not keep to the protocol: who does it, and what came of it. */
  readonly act?: { readonly who: string; readonly defence: Defence };
  /** Measures something that is not the product, to be compared with it; no part of the verdict. */
  readonly comparison?: true;
  /** Rests on a clock: not the same in two runs of one seed. */
  readonly timed?: boolean;
}

/** A figure over something that was varied. */
export interface Chart {
  readonly title: string;
  readonly x: { readonly title: string; readonly log?: boolean };
  readonly y: { readonly title: string; readonly domain?: readonly [number, number] };
  /** At most seven lines. */
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
  /** Upright lines, such as where a default lies. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
}

/** A setting that somebody who saw these findings should change, in plain words: what, to what, why. */
export interface Advice {
  /** The option of the command line: `--beta`, `--query-budget`. */
  readonly setting: string;
  readonly text: string;
}

export interface AttackResult {
  /** Two or more times the same (mode, setting, metric) is a mistake. */
  readonly findings: readonly Finding[];
  readonly charts?: readonly Chart[];
  /** What follows, a paragraph each, without jargon; figures in them are those of `findings`. */
  readonly words: readonly string[];
  readonly advice?: readonly Advice[];
}

/**
 * An attacker who knows the design and holds what a real one would.
 *
 * Implementers: everything random comes from {@link Lab.random} or, for keys, from libsodium and SEAL, whose entropy is seeded in the process an
 * evaluation runs attacks in. Figures that rest on a clock are marked `timed`. Nothing of a question, passage, vector or key goes into a result.
 */
export interface Attack {
  /** As on the command line: `candidate-ranking`. */
  readonly name: string;
  /** `Candidate passages are ranked against stored ciphertexts`. */
  readonly title: string;
  readonly role: Role;
  /** What the attacker holds. */
  readonly holds: string;
  /** What the attacker is assumed to know and to be able to do, and what is favourable to it. */
  readonly assumptions: string;
  /** How it goes about it, in two or three sentences. */
  readonly method: string;
  readonly papers: readonly Paper[];
  /** @throws Fault NOT_HERE when something it needs is not on this machine. */
  run(lab: Lab): Promise<AttackResult>;
}

/** NOT_HERE: data or a model that an attack needs is not on this machine; the report says so and goes on. */
export type LabFaultCode = "NOT_HERE";

/** Whether the attack got what it wanted. */
export function succeeds(value: number, { threshold, direction }: Pick<Finding, "threshold" | "direction">): boolean {
  return direction === "above" ? value >= threshold : value <= threshold;
}
