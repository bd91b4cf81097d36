import { Fault } from "../crypto/index.ts";
import { federationLayout } from "../party-node/asking/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { openScoringIndex } from "../party-node/scoring/index.ts";
import { PartyServer } from "../party-node/serving/index.ts";
import { LocalParty } from "../simulations/hashvfl/local-party.ts";
import { readPartyData } from "../simulations/hashvfl/party-data.ts";
import { TrainingService } from "../simulations/hashvfl/training-service.ts";
import { makeLogger } from "./logging.ts";
import { openNodeStore } from "./node-store.ts";
import { onStop, releaseParent, tellParent } from "./supervision.ts";
import { openTranscript } from "./transcript.ts";

/** What is given to `sotto simulate party`. */
export interface PartyOptions {
  readonly dir: string;
  readonly data: string;
  readonly out: string;
  readonly trainer: string;
  readonly transcript?: string;
}

/** Serves one party of a training run until it is stopped. @throws Fault WRONG_ROLE, PARTY_DATA_MALFORMED and those of a node. */
export async function runParty({ dir, data, out, trainer, transcript: path }: PartyOptions): Promise<void> {
  const node = openNode(dir);
  const { identity, federation, keys, coordinatorUrls, ca } = node;
  if (!federation.hasRole(trainer, "querier"))
    throw new Fault("WRONG_ROLE", `"${trainer}" is not a querier of this federation, which whoever trains must be`);
  const log = makeLogger("party", identity.name);
  using party = new LocalParty({ name: identity.name, features: readPartyData(data), folder: out });
  const store = openNodeStore(node);
  const transcript = path === undefined ? null : openTranscript(path);
  const layout = federationLayout(federation);
  const server = new PartyServer({
    identity,
    federation,
    store,
    index: openScoringIndex({ layout, hintKey: keys.hintKey, threads: 0, cachePath: null }),
    handlers: [new TrainingService({ party, trainer, log })],
    coordinatorUrls,
    ca,
    log,
    observer: transcript?.observer,
  });
  onStop(() => {
    server.close();
  });
  try {
    await server.run(() => {
      log.info({ coordinator: coordinatorUrls, trainer }, "ready to train");
      tellParent({ event: "serving" });
    });
  } finally {
    store.close();
    transcript?.close();
    releaseParent();
  }
}
