import { ristretto255 } from "@noble/curves/ed25519.js";
import type { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { IntersectingParty, POINT_BYTES } from "../crypto/index.ts";
import { type Times, measure, median, noted, versus } from "./measure.ts";
import { type Findings, benchmarkCommand } from "./report.ts";

interface Options {
  readonly ids: number;
}

/** What private set intersection costs a party: hashing and raising its own ids, and raising another's. */
export function psiCommand(): Command {
  return benchmarkCommand("psi", "private set intersection: ids blinded and raised by one thread", runPsi).option(
    "--ids <count>",
    "ids in a round",
    wholeNumber(1, 100_000),
    500,
  );
}

async function runPsi({ ids: count }: Options): Promise<Findings> {
  const ids = Array.from({ length: count }, (_, i) => `patient ${i}`);
  const [secret, context] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  using party = await IntersectingParty.create({ ids, secret, context });
  const points = party.blind(0, count);
  const exponent = ristretto255.Point.Fn.ORDER - 12345n;
  const times = await measure(
    {
      blind: () => party.blind(0, count),
      raise: () => party.raise(points),
      noble: () => {
        for (let at = 0; at < points.length; at += POINT_BYTES)
          ristretto255.Point.fromBytes(points.subarray(at, at + POINT_BYTES))
            .multiply(exponent)
            .toBytes();
      },
    },
    { rounds: 5, warmUps: 1 },
  );
  const perSecond = (of: Times): Times => of.map((ms) => (1000 * count) / ms);
  return {
    parameters: { ids: count },
    rows: [
      versus(`raise ${count} elements`, times.raise, { name: "noble-curves", times: times.noble }, null),
      noted("raised", median(perSecond(times.raise)), "elements/s", perSecond(times.raise)),
      noted("own ids hashed and raised", median(perSecond(times.blind)), "ids/s", perSecond(times.blind)),
    ],
  };
}
