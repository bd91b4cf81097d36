import type { BaselineName } from "../simulations/hashvfl/runs.ts";

/** What a person gives to `sotto simulate hashvfl`. */
export interface SimulateOptions {
  readonly preset?: string;
  readonly data?: string;
  readonly images?: string;
  readonly labels?: string;
  readonly guest?: string;
  readonly host?: readonly string[];
  readonly csv?: string;
  readonly columns?: Readonly<Record<string, readonly string[]>>;
  readonly categorical?: readonly string[];
  readonly label?: string;
  readonly id?: string;
  readonly intersect: boolean;
  readonly parties?: number;
  readonly bits?: number;
  readonly epochs?: number;
  readonly batch?: number;
  readonly hidden?: readonly number[];
  readonly consistency?: number;
  readonly learningRate?: number;
  readonly epsilon?: number;
  readonly seed: number;
  readonly baselines: readonly BaselineName[];
  readonly transport: "memory" | "processes";
  readonly out?: string;
  readonly resume: boolean;
  readonly json: boolean;
}
