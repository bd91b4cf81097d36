import { type Advice, type Attack, type AttackResult, type Chart, type Finding, succeeds } from "../attack.ts";
import { type Leakage, NEIGHBOURS, NEIGHBOURS_WIDE, leakageReference, measureLeakage } from "../../sealing/leakage.ts";
import type { Matrix } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";
import type { Effort } from "../settings.ts";
import { divide } from "../victim.ts";
import { type CopyFigures, measureCopies, plantCopies } from "./planted-copies.ts";
import { denoised } from "./denoise.ts";
import { SCHEMES, type Scheme, type StoringOptions, noiseVariance, stored } from "./schemes.ts";

/** As `sotto seal tune` has it: what falls below a tenth of the way from guessing to vectors in the open is hidden. */
const HIDDEN = 0.1;
/** Of an area under the ROC curve. */
const TOLD_APART = 0.9;
const BASELINE = "vectors in the open";

/** How much is attacked. */
export interface VectorSizes {
  readonly rows: number;
  /** Most coordinates of all rows together: rows of many dimensions are fewer. */
  readonly coordinates: number;
  readonly copies: number;
  /** Shares of normMax; the settings' is added. */
  readonly betas: readonly number[];
}

const SIZES: Readonly<Record<Effort, VectorSizes>> = {
  quick: { rows: 800, coordinates: 360_000, copies: 150, betas: [0.3, 1, 3, 10] },
  standard: { rows: 6000, coordinates: 2_000_000, copies: 600, betas: [0.1, 0.3, 0.6, 1, 2, 3, 5, 10, 30] },
  full: {
    rows: 40_000,
    coordinates: 20_000_000,
    copies: 2000,
    betas: [0.1, 0.2, 0.3, 0.6, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30],
  },
};
/** Below this adjusted Rand index two runs of k-means on vectors in the open do not agree: there are no clusters to find. */
const CLUSTERED = 0.1;

export const vectorAnalysis: Attack = {
  name: "vector-analysis",
  title: "What the stored vectors show without the key",
  role: "host or stolen disk",
  holds: "all stored ciphertexts of vectors; no key, no text",
  assumptions:
    "Knows the design and the parameters. Measured over all rows at once, for copies with a threshold that separates best; rows are of one key version. " +
    "Gaussian noise is as long as CAPRISE's in the mean; SAP is taken at the same beta, where its noise on rows is two thirds as long.",
  method:
    "Takes noise off by Wiener's filter on the principal components (up to 256 dimensions), then compares distances between stored vectors: their order, each row's nearest rows, clusters by k-means, and pairs nearer than a threshold as copies. " +
    "Copies are planted: passages a second time, and edited (letters, capitals, a sentence replaced or left out).",
  papers: [
    {
      citation:
        "Fuchsbauer, Ghosal, Hauke, O'Neill: Approximate Distance-Comparison-Preserving Symmetric Encryption, 2021",
      id: "eprint 2021/1666",
    },
    {
      citation:
        "Giannella, Liu, Kargupta: Breaching Euclidean Distance-Preserving Data Perturbation Using Few Known Inputs, 2013",
      id: "arXiv 0911.2942",
    },
  ],
  run: (lab) => analyseVectors(lab, lab.bySize(SIZES)),
};

/** One scheme at one beta. */
interface Point {
  readonly leakage: Leakage;
  readonly copies: CopyFigures;
}

/** @throws Fault of the encoder and of the collection's files. */
export async function analyseVectors(lab: Lab, sizes: VectorSizes): Promise<AttackResult> {
  const { settings } = lab;
  const betas = [...new Set([...sizes.betas, settings.beta])].sort((a, b) => a - b);
  const [total, measured] = [betas.length * 3 + 3, { count: 0 }];
  await lab.progress(0, total);
  const encoder = await lab.encoder();
  const { owner } = divide(await lab.victim(), {
    owner: Math.min(sizes.rows, Math.floor(sizes.coordinates / encoder.dim)),
    attacker: 0,
    seed: settings.seed,
  });
  const vectors = await lab.encode(encoder, owner);
  // Half of a small collection is left as it is.
  const count = Math.min(sizes.copies, Math.floor(owner.length / 2));
  const planted = await plantCopies(lab, encoder, { documents: owner, vectors, count });
  const { normMax } = encoder;
  const secret = lab.secret();

  const seenAt = (scheme: Scheme, share: number): Matrix => {
    const options: StoringOptions = { normMax, beta: share * normMax, rotation: settings.rotation, secret };
    const rows = stored(scheme, planted.rows, options);
    return denoised(rows, noiseVariance(scheme, options.beta, rows.width));
  };
  const originals = (rows: Matrix): Matrix => ({
    ...rows,
    rows: planted.originals,
    data: rows.data.slice(0, planted.originals * rows.width),
  });
  await lab.progress(1, total);
  const reference = await leakageReference(originals(seenAt("in the open", 1)), settings.seed, lab.signal);
  const measure = async (scheme: Scheme, share: number): Promise<Point> => {
    const rows = seenAt(scheme, share);
    const sealed = { rows: originals(rows), normMax, beta: scheme === "in the open" ? 0 : share * normMax, scale: 1 };
    const point = {
      leakage: await measureLeakage(reference, sealed, lab.signal),
      copies: measureCopies(rows, planted),
    };
    await lab.progress(++measured.count + 1, total);
    return point;
  };
  const open = await measure("in the open", 1);
  const curves = new Map<Scheme, ReadonlyMap<number, Point>>();
  curves.set("in the open", new Map(betas.map((beta) => [beta, open])));
  for (const scheme of SCHEMES.slice(1)) {
    const points = new Map<number, Point>();
    for (const beta of betas) points.set(beta, await measure(scheme, beta));
    curves.set(scheme, points);
  }
  return inResult({ open, curves, rows: planted.originals, beta: settings.beta });
}

interface Measured {
  readonly open: Point;
  readonly curves: ReadonlyMap<Scheme, ReadonlyMap<number, Point>>;
  readonly rows: number;
  /** The settings'. */
  readonly beta: number;
}

function inResult(measured: Measured): AttackResult {
  return {
    findings: findingsOf(measured),
    charts: chartsOf(measured),
    words: wordsOf(measured),
    advice: adviceOf(measured),
  };
}

/** A figure, and how it is read. */
interface Measure {
  readonly metric: string;
  readonly of: (point: Point) => number;
  readonly guessing: number;
  /** An area under the ROC curve, which has an interval and {@link TOLD_APART} for a threshold. */
  readonly isArea?: boolean;
  readonly isClusters?: boolean;
  /** Of its chart; none without. */
  readonly title?: string;
}

function measuresFor(rows: number): readonly Measure[] {
  return [
    {
      metric: "rank correlation of distances",
      of: ({ leakage }) => leakage.rankCorrelation,
      guessing: 0,
      title: "Order of distances between rows",
    },
    {
      metric: "share of the 10 nearest rows found",
      of: ({ leakage }) => leakage.neighbourOverlap,
      guessing: Math.min(1, NEIGHBOURS / (rows - 1)),
      title: "Nearest rows",
    },
    {
      metric: "share of the 10 nearest rows among 100",
      of: ({ leakage }) => leakage.neighboursInHundred,
      guessing: Math.min(1, NEIGHBOURS_WIDE / (rows - 1)),
    },
    {
      metric: "clusters found (adjusted Rand index)",
      of: ({ leakage }) => leakage.clusterRecovery,
      guessing: 0,
      title: "Clusters",
      isClusters: true,
    },
    {
      metric: "exact copy told from the nearest other row (AUC)",
      of: ({ copies }) => copies.exact,
      guessing: 0.5,
      isArea: true,
    },
    {
      metric: "edited copy told from the nearest other row (AUC)",
      of: ({ copies }) => copies.edited,
      guessing: 0.5,
      isArea: true,
      title: "Edited copies against the nearest other row",
    },
    {
      metric: "edited copy told from any other row (AUC)",
      of: ({ copies }) => copies.editedAgainstAny,
      guessing: 0.5,
      isArea: true,
    },
  ];
}

function findingsOf({ open, curves, rows, beta }: Measured): Finding[] {
  const point = curves.get("CAPRISE")!.get(beta)!;
  const isClustered = open.leakage.clusterRecovery >= CLUSTERED;
  const measures = measuresFor(rows).filter(({ isClusters = false }) => isClustered || !isClusters);
  const findings = measures.map(({ metric, of, guessing, isArea = false }): Finding => {
    const [value, baseline] = [of(point), of(open)];
    return {
      mode: "outsourced",
      setting: "",
      metric,
      value,
      baseline,
      baselineIs: BASELINE,
      guessing,
      threshold: isArea ? TOLD_APART : guessing + HIDDEN * (baseline - guessing),
      direction: "above",
      ...(isArea ? { interval: point.copies.intervalOf(value) } : {}),
    };
  });
  // The rows of `double` are encrypted by the same key in the same way.
  const double: Finding = { ...findings[1]!, mode: "double", note: "stores the same ciphertexts as outsourced" };
  // What fails where nothing protects shows nothing where something does.
  return [...findings, double].filter((finding) => succeeds(finding.baseline, finding));
}

function chartsOf({ curves, rows, beta }: Measured): Chart[] {
  return measuresFor(rows).flatMap(({ title, metric, of, isArea = false }): Chart[] =>
    title === undefined
      ? []
      : [
          {
            title,
            x: { title: "beta, in lengths of the longest vector", log: true },
            y: { title: metric, domain: isArea ? [0.4, 1] : [0, 1] },
            lines: [...curves].map(([name, points]) => ({
              name,
              points: [...points].map(([x, point]) => [x, of(point)] as const),
            })),
            marks: [{ x: beta, label: "your beta" }],
          },
        ],
  );
}

function wordsOf({ open, curves, rows, beta }: Measured): string[] {
  const at = (scheme: Scheme, share: number): Point => curves.get(scheme)!.get(share)!;
  const [correlation, nearest, inHundred, clusters, exact, edited] = measuresFor(rows);
  const show = ({ of }: Measure, point: Point = at("CAPRISE", beta)): string => of(point).toFixed(2);
  const hiddenFrom = [...curves.get("CAPRISE")!].find(([, point]) =>
    [correlation!, nearest!, clusters!].every(
      ({ of, guessing }) => of(point) < guessing + HIDDEN * (of(open) - guessing),
    ),
  );
  return [
    `Whoever holds the stored vectors sees which passages are alike. At beta ${String(beta)} the order of distances between rows ` +
      `correlates by ${show(correlation!)} with the true one (1 is all, 0 nothing). Of the ten rows nearest to a row, a share of ${show(nearest!)} are its ten nearest sealed ones, and ${show(inHundred!)} are among its hundred nearest. ` +
      (open.leakage.clusterRecovery < CLUSTERED
        ? "Clusters are not reported: two runs of k-means on the vectors in the open do not agree either."
        : `Clusters are found with an index of ${show(clusters!)}; two runs on vectors in the open agree by ${show(clusters!, open)}.`),
    `A passage stored twice is told from the nearest different passage with probability ${show(exact!)}, and an edited copy with ${show(edited!)} (in the open: ${show(edited!, open)}; .50 is guessing).`,
    `Gaussian noise of the same length hides as little (nearest rows: ${show(nearest!, at("Gaussian noise", beta))}); SAP at the same beta, whose noise is shorter, hides less (${show(nearest!, at("SAP", beta))}). What counts is the length of the noise.`,
    hiddenFrom
      ? `All of it falls below a tenth of what vectors in the open show only from beta ${String(hiddenFrom[0])} on, of those tried; \`sotto seal tune\` shows what is then left of the answers.`
      : "At no beta that was tried does all of it fall below a tenth of what vectors in the open show.",
  ];
}

function adviceOf(measured: Measured): Advice[] {
  const findings = findingsOf(measured);
  if (!findings.some(({ value, threshold }) => value >= threshold)) return [];
  return [
    {
      setting: "--mode",
      text: "Where nobody may see which passages are alike, keep the collection at a node of your own (mode private): a host of an outsourced or double collection sees it at every beta that serves answers.",
    },
  ];
}
