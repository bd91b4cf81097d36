import { loadJax } from "../../hashvfl/jax.ts";
import type { TrainingSettings } from "../../hashvfl/settings.ts";
import type { Lab } from "../lab.ts";
import type { EpochReleases } from "./epoch-releases.ts";
import { fitDecoder } from "./decoder.ts";
import { type Likeness, likeness, pixelRange, toPixels } from "./images.ts";
import { invert } from "./invert.ts";
import { knownBottom } from "./known-bottom.ts";
import { STRIP, type Scene } from "./scene.ts";
import { type ReleaseName, type Trained, releasesCodes } from "./trained.ts";

const PIXELS = STRIP.height * STRIP.width;
/** How near the search stays to what the decoder gave; the attacker takes what does best on images of its own. */
const NEAR_DECODED = [0.05, 0.02];
const TOTAL_VARIATION = { blind: 0.01, decoded: 0.02 };
/** Steps of Adam, in standard deviations of a pixel. */
const RATE = 0.05;

export interface ReconstructOptions {
  readonly scene: Scene;
  readonly settings: TrainingSettings;
  readonly release: ReleaseName;
  readonly trained: Trained;
  /** The first test rows are reconstructed. */
  readonly targets: number;
  /** The attacker's own rows that it chooses by; the others are what its decoder is fitted to. */
  readonly held: number;
  /** Random features of the decoder. */
  readonly decoder: number;
  readonly steps: { readonly blind: number; readonly decoded: number };
}

/** Rebuilds the first party's images from what it released, with images of the same kind. */
export async function reconstruct(lab: Lab, options: ReconstructOptions): Promise<Likeness> {
  const { scene, trained, targets, held, steps } = options;
  const range = pixelRange(scene.data.parties[0]!);
  const secret = scene.data.test.features[0]!.slice(0, targets * PIXELS);
  const own = scene.own.features[0]!;
  const ownReleased = await trained.release(0, own);
  const bits = ownReleased.length / (own.length / PIXELS);
  const released = await trained.release(0, secret);

  const decode = await fitDecoder({
    released: ownReleased.slice(held * bits),
    rows: own.slice(held * PIXELS),
    bits,
    hidden: options.decoder,
    random: lab.random,
    pause: () => lab.pause(),
  });
  // The attacker's held rows go the same way, so that it can see which way is best.
  const both = joined(ownReleased.slice(0, held * bits), released);
  const decoded = decode(both).map((value) => Math.min(range[1], Math.max(range[0], value)));
  const ways: Float32Array[] = [decoded];
  for (const nearStart of NEAR_DECODED)
    ways.push(
      await search(lab, options, both, decoded, { nearStart, totalVariation: TOTAL_VARIATION.decoded }, steps.decoded),
    );
  const heldPixels = toPixels(own.subarray(0, held * PIXELS), range);
  const scores = ways.map((way) => likeness(toPixels(way.subarray(0, held * PIXELS), range), heldPixels).similarity);
  const best = ways[scores.indexOf(Math.max(...scores))]!;

  return judge(scene, best.slice(held * PIXELS));
}

/** The same, knowing the bottom model and nothing else. */
export async function reconstructBlind(lab: Lab, options: ReconstructOptions): Promise<Likeness> {
  const { scene, trained, targets, steps } = options;
  const secret = scene.data.test.features[0]!.slice(0, targets * PIXELS);
  const released = await trained.release(0, secret);
  const black = new Float32Array(secret.length).fill(pixelRange(scene.data.parties[0]!)[0]);
  const weights = { nearStart: 0, totalVariation: TOTAL_VARIATION.blind };
  return judge(scene, await search(lab, options, released, black, weights, steps.blind));
}

function judge({ data: { parties, test } }: Scene, values: Float32Array): Likeness {
  const range = pixelRange(parties[0]!);
  return likeness(toPixels(values, range), toPixels(test.features[0]!, range));
}

/**
 * Rebuilds training rows of the first party from what it released of them in every epoch, when the features of the other training rows are known: the server's
 * attack, which needs no bottom model.
 *
 * @param known - The first so many training rows.
 */
export async function reconstructTrained(
  lab: Lab,
  { scene, releases, known, targets, candidates, decoder }: TrainedRowsOptions,
): Promise<Likeness> {
  const range = pixelRange(scene.data.parties[0]!);
  const rows = scene.data.train.features[0]!;
  const decode = await fitDecoder({
    released: releases.of(0, known),
    rows: rows.slice(0, known * PIXELS),
    bits: releases.width,
    hidden: decoder,
    random: lab.random,
    pause: () => lab.pause(),
  });
  const decoded = decode(releases.of(known, known + targets));
  return likeness(toPixels(decoded, range), toPixels(rows.slice(known * PIXELS, (known + candidates) * PIXELS), range));
}

export interface TrainedRowsOptions {
  readonly scene: Scene;
  readonly releases: EpochReleases;
  readonly known: number;
  readonly targets: number;
  /** Training rows after the known ones among which each is looked for. */
  readonly candidates: number;
  readonly decoder: number;
}

async function search(
  lab: Lab,
  { scene, settings, release, trained }: ReconstructOptions,
  released: Float32Array,
  start: Float32Array,
  weights: { readonly nearStart: number; readonly totalVariation: number },
  steps: number,
): Promise<Float32Array> {
  const jax = await loadJax();
  using bottom = knownBottom(jax, trained.bottoms[0]!, PIXELS, settings.bottomHidden);
  return await invert({
    jax,
    bottom,
    released,
    signsOnly: releasesCodes(release),
    start,
    image: STRIP,
    range: pixelRange(scene.data.parties[0]!),
    weights,
    steps,
    rate: RATE,
    onStep: () => lab.pause(),
  });
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
