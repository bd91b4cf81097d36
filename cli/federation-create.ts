import { Command, Option } from "commander";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault, sodium } from "../crypto/index.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { createKeyFile, loadKeyFile } from "../party-node/keys.ts";
import { type FederationDraft, limits, roleNames, signFederation, toBase64 } from "../protocol/index.ts";
import { defaultChunk } from "./default-chunk.ts";
import { FEDERATION_FILE, ROOT_KEY, addCoordinatorUrl } from "./founder-folder.ts";
import { dirAgain, dirOption, wholeNumber } from "./options.ts";

interface CreateOptions {
  readonly dir: string;
  readonly coordinatorUrl: string[];
  readonly encoder: string;
  readonly scoreBits: number;
  readonly mode: "private" | "clear";
  readonly vertical?: number;
  readonly acceptFewDimensions: boolean;
}

/** In a vertical federation of fewer, lattice reduction reads single rows off the hints (`hint-difference` in docs/security-evaluation.md). */
const VERTICAL_DIM_MIN = 384;

export function createCommand(): Command {
  return new Command("create")
    .description("found a federation: writes its root key and its signed file")
    .argument("<name>", 'for people, for example "Northern hospitals"')
    .requiredOption(
      "--coordinator-url <url>",
      "where members reach the coordinator, for example ws://coordinator.example:7400; given again, a standby's, in the order in which queriers try them",
      addCoordinatorUrl,
    )
    .addOption(dirOption())
    .option("--encoder <spec>", "lexical, lexical:D, onnx:DIR or hybrid(...); all members use the same", "lexical")
    .option("--score-bits <bits>", "bits of each score that a querier receives", wholeNumber(8, 16), 14)
    .addOption(
      new Option("--mode <mode>", "clear is for baselines only: everybody sees the questions")
        .choices(["private", "clear"])
        .default("private"),
    )
    .option(
      "--vertical <parties>",
      "so many parties hold different features of the same entities; their scores are added under encryption",
      wholeNumber(2, limits.verticalPartiesMax),
    )
    .option(
      "--accept-few-dimensions",
      `allow --vertical with an encoder of fewer than ${String(VERTICAL_DIM_MIN)} dimensions, whose hints give single rows away to queriers`,
      false,
    )
    .action(async (name: string, options: CreateOptions) => {
      const file = join(resolve(options.dir), FEDERATION_FILE);
      if (existsSync(file))
        throw new Fault("FEDERATION_EXISTS", `${file} exists already; choose another folder with --dir`);
      const terms = await draftTerms(name, options);
      mkdirSync(resolve(options.dir), { recursive: true });
      const keyPath = join(resolve(options.dir), ROOT_KEY);
      createKeyFile(keyPath);
      const { identity } = loadKeyFile(keyPath);
      const rootPublicKey = toBase64(identity.publicKey);
      writeFileSync(file, signFederation({ ...terms, rootPublicKey }, identity.privateKey));
      process.stdout.write(
        `Made ${file} (to send to every member) and ${keyPath} (the root key: keep it to yourself, off line if you can).\n\n` +
          `Root key, to tell members over another channel than the file:\n\n  ${rootPublicKey}\n\nNext: sotto federation add NAME --key KEY --role ${roleNames.join("|")}${dirAgain(options.dir)}\n`,
      );
    });
}

async function draftTerms(
  name: string,
  { coordinatorUrl: coordinatorUrls, encoder: spec, scoreBits, mode, vertical, acceptFewDimensions }: CreateOptions,
): Promise<Omit<FederationDraft, "rootPublicKey">> {
  const encoder = await openEncoder(spec);
  try {
    if (vertical !== undefined && encoder.dim < VERTICAL_DIM_MIN && !acceptFewDimensions)
      throw new Fault(
        "DIMENSIONS_FEW",
        `this encoder has ${String(encoder.dim)} dimensions; in a vertical federation of fewer than ${String(VERTICAL_DIM_MIN)} a querier can compute single rows of a party from its hints. Take another --encoder, or accept it with --accept-few-dimensions`,
      );
    const scoring = {
      dim: encoder.dim,
      chunk: defaultChunk(encoder.dim),
      // A total is a sum of this many inner products.
      normMax: encoder.normMax * (vertical ?? 1),
      scoreBits,
      seed: toBase64(sodium.randombytes_buf(32)),
    };
    return {
      name,
      coordinatorUrls,
      mode,
      encoder: { spec: encoder.spec, fingerprint: encoder.fingerprint },
      scoring,
      ...(vertical === undefined ? {} : { vertical: { parties: vertical } }),
      members: [],
    };
  } finally {
    await encoder.close();
  }
}
