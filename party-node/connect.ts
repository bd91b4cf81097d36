import { join, resolve } from "node:path";
import { HintCache, SottoClient } from "./asking/index.ts";
import { openEncoder } from "./encoders/index.ts";
import { Keyring } from "./keyring/index.ts";
import { EvidenceFolder } from "./evidence/index.ts";
import { openNode } from "./node-folder.ts";
import { SeenSequences } from "./outsourced/index.ts";
import type { FrameObserver } from "../protocol/index.ts";

/** Where the node is, and what departs from its configuration. */
export interface ConnectOptions {
  /** The node's folder, as made by `sotto init` and `sotto federation join`; default is the current one. */
  readonly dir?: string;
  /** Encoder to use in place of the federation's own spec, for example when the model lies elsewhere; it must have the same fingerprint. */
  readonly encoder?: string;
  /** Needed for a federation in clear mode, which protects no question. */
  readonly insecureClear?: boolean;
  /**
   * Whether what a party's own signatures prove against it is kept in the node's folder, questions sealed to the node's key; default true. Query secrets then
   * last until the passages have been checked.
   */
  readonly keepEvidence?: boolean;
  /** Called for every message either way; see {@link TrafficMeter}. */
  readonly observer?: FrameObserver;
  /** Asked when a passphrase protects the keyring of this node. */
  readonly passphrase?: () => Promise<string>;
}

/**
 * Connects to a federation as the member whose folder is given.
 *
 * @example
 * using sotto = await connect({ dir: "my-node" });
 * const asking = sotto.query("When can warfarin be restarted?", { k: 3 });
 * for await (const { party, status } of asking) console.log(party, status);
 * const { passages } = await asking.result;
 *
 * @throws Fault CONFIG_MISSING, NOT_JOINED, NOT_A_MEMBER, KEY_FILE_MODE, ENCODER_MISMATCH, CONNECTION_REFUSED and others; each says what to do.
 */
export async function connect(options: ConnectOptions = {}): Promise<SottoClient> {
  const { dir = ".", encoder: spec, insecureClear, keepEvidence = true, passphrase, observer, ...unknown } = options;
  for (const name of Object.keys(unknown)) throw new TypeError(`connect: unknown option "${name}"`);
  const { folder, federation, identity, coordinatorUrls, ca, encoderSpec } = openNode(resolve(dir));
  const evidence = new EvidenceFolder(folder.evidencePath);
  const keyring = await Keyring.open(folder.keyringPath, passphrase);
  const encoder = await openEncoder(spec ?? encoderSpec);
  try {
    return await SottoClient.connect({
      identity,
      federation,
      encoder,
      ownsEncoder: true,
      collections: {
        entries: keyring.entries,
        seen: new SeenSequences(folder.seenPath),
        onNewKey: (entry) => {
          keyring.put(entry);
        },
        onClose: () => {
          keyring[Symbol.dispose]();
        },
      },
      hintCache: new HintCache(join(folder.path, "hints")),
      ...(keepEvidence ? { onEvidence: (found) => evidence.keep(found, { identity, federation }) } : {}),
      coordinatorUrls,
      ca,
      insecureClear,
      observer,
    });
  } catch (error) {
    keyring[Symbol.dispose]();
    await encoder.close();
    throw error;
  }
}
