import { join } from "node:path";
import { Fault } from "../crypto/index.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { CoordinatorLink, EndToEndSession } from "../party-node/link/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { memberName } from "../protocol/index.ts";
import { featuresOf, writePartyData } from "../simulations/hashvfl/party-data.ts";
import { RemoteParty } from "../simulations/hashvfl/remote-party.ts";
import type { TrainingParty } from "../simulations/hashvfl/training-party.ts";
import type { VerticalData } from "../simulations/hashvfl/vertical-data.ts";
import { COORDINATOR, LocalFederation, type LocalProcess } from "./local-federation.ts";

const TRAINER = "trainer";
/** Every federation has an encoder; nothing is encoded here. */
const ENCODER = "lexical:64";
const FEATURES_FILE = "features.cbor";

export interface TrainingProcessesOptions {
  /** Holds a folder a party, with its checkpoints and models. */
  readonly folder: string;
  /** Whether every process records a transcript. */
  readonly transcripts?: boolean;
}

export interface TrainingProcesses {
  /** In the order of the data. */
  readonly parties: readonly TrainingParty[];
  readonly processes: readonly LocalProcess[];
  /** Where a process's transcript is, once it has ended: of `coordinator` or a party. */
  readonly transcriptOf: (name: string) => string;
}

/**
 * Trains between processes: a coordinator and a process a party on loopback, each with its own features alone, and this process as the member who trains.
 * All of them have ended when this resolves or rejects.
 *
 * @throws Fault PARTY_NAME_INVALID, CHILD_FAILED; what `use` throws, PARTY_LEFT among it.
 */
export async function withTrainingProcesses<T>(
  data: VerticalData,
  { folder, transcripts = false }: TrainingProcessesOptions,
  use: (processes: TrainingProcesses) => Promise<T>,
): Promise<T> {
  const names = data.parties.map(({ name }) => name);
  checkNames(names);
  const encoder = await openEncoder(ENCODER);
  await using federation = new LocalFederation({
    parties: names.map((name) => ({ name, paths: [] })),
    encoder,
    queriers: [TRAINER],
    transcripts,
    serve: (name, own) => [
      ...["simulate", "party", "--data", join(own, FEATURES_FILE)],
      ...["--out", join(folder, name), "--trainer", TRAINER],
    ],
  });
  names.forEach((name, i) => {
    writePartyData(join(federation.folderOf(name), FEATURES_FILE), featuresOf(data, i));
  });
  await federation.start();
  const { identity, federation: terms, coordinatorUrls: urls } = openNode(federation.folderOf(TRAINER));
  const link = new CoordinatorLink({ urls, identity, federation: terms });
  try {
    await link.open();
    const open = (party: string): Promise<EndToEndSession> =>
      EndToEndSession.open({ link, party, identity, federation: terms });
    const parties = (await Promise.all(names.map(open))).map((session) => new RemoteParty(session));
    const { processes } = federation;
    return await use({ parties, processes, transcriptOf: (name) => federation.transcriptOf(name) });
  } finally {
    link.close();
    await encoder.close();
  }
}

function checkNames(names: readonly string[]): void {
  const taken = new Set([COORDINATOR, TRAINER]);
  for (const name of names) {
    if (!memberName.safeParse(name).success || taken.has(name))
      throw new Fault(
        "PARTY_NAME_INVALID",
        `a party of a federation cannot be called "${name}" here: use lower-case letters, digits and dashes, every name once, and neither ${COORDINATOR} nor ${TRAINER}`,
      );
    taken.add(name);
  }
}
