import { decode } from "cborg";
import { SottoClient } from "../party-node/asking/index.ts";
import type { Passage } from "../party-node/documents/index.ts";
import type { KeyringEntry } from "../party-node/keyring/index.ts";
import { CollectionReader, SeenSequences } from "../party-node/outsourced/index.ts";
import { K } from "./asking.ts";
import { type ClusteredRows, passageName } from "./sealed-data.ts";
import type { SealedFederation } from "./sealed-federation.ts";

/** What came of a question, passages named as `passageName` does. */
export interface Answered {
  readonly passages: readonly string[];
  /** Rows the host was asked for. */
  readonly candidates: number;
}

/** A way of putting a question, by its number. */
export interface Way {
  /** Makes ready what is not counted. */
  readonly warm: () => Promise<void>;
  readonly ask: (number: number) => Promise<Answered>;
}

export type WayName = "plain" | "outsourced" | "perturbed" | "plainAgain" | "double" | "whole" | "clear";

/** Every way to ask for the same rows, each made when it is wanted: what one keeps in memory slows down another. What has to be closed goes on the stack. */
export function waysToAsk(
  { filled, data, epsilon }: { filled: SealedFederation; data: ClusteredRows; epsilon: number },
  stack: DisposableStack,
): Record<WayName, () => Way | Promise<Way>> {
  const { entry } = filled;
  const { sealing } = entry;
  const outsourced: KeyringEntry = { ...entry, mode: "outsourced", scoring: null };
  const read = (of: KeyringEntry): Way => readerWay(filled, data, of, stack);
  return {
    plain: () => plainWay(filled, data),
    outsourced: () => read(outsourced),
    perturbed: () => read({ ...outsourced, sealing: { ...sealing, epsilon } }),
    plainAgain: () => plainWay(filled, data),
    double: () => read(entry),
    whole: async () => clientWay(await connectOwner(filled, data, outsourced, stack)),
    clear: () => clientWay(filled.clear),
  };
}

/** The best k rows of the collection in clear, by the same messages. */
function plainWay({ plain }: SealedFederation, data: ClusteredRows): Way {
  return {
    warm: () => Promise.resolve(),
    ask: async (number) => {
      const { rows } = await plain.search(data.question(number), K, 0);
      return namesOf(
        rows.map(({ passage }) => decode(passage) as Passage),
        K,
      );
    },
  };
}

function readerWay(
  { connection }: SealedFederation,
  data: ClusteredRows,
  entry: KeyringEntry,
  stack: DisposableStack,
): Way {
  const reader = new CollectionReader({ entry, session: connection.session, seen: new SeenSequences(null) });
  stack.defer(() => {
    reader.close();
  });
  return {
    warm: async () => {
      await reader.prepare();
      await reader.warm();
    },
    ask: async (number) => {
      const { passages, candidates } = await reader.ask(data.question(number), K);
      return namesOf(passages, candidates);
    },
  };
}

function clientWay(client: SottoClient): Way {
  return {
    warm: () => client.warm(),
    ask: async (number) => {
      const { passages, parties } = await client.query(String(number), { k: K }).result;
      const failed = parties.find(({ fault }) => fault)?.fault;
      if (failed)
        throw new Error(`a query of the benchmark failed (${failed.code}); its figures would be worth nothing`);
      return namesOf(passages, parties.find(({ collection }) => collection)?.collection?.candidates ?? K);
    },
  };
}

/** A whole client with the collection in its keyring. */
async function connectOwner(
  { node }: SealedFederation,
  data: ClusteredRows,
  entry: KeyringEntry,
  stack: DisposableStack,
): Promise<SottoClient> {
  const { identity, federation, coordinatorUrls } = node;
  return stack.use(
    await SottoClient.connect({
      identity,
      federation,
      coordinatorUrls,
      encoder: data.encoder(),
      collections: { entries: [entry], seen: new SeenSequences(null), onNewKey: () => undefined },
    }),
  );
}

function namesOf(passages: readonly Pick<Passage, "documentId" | "ordinal">[], candidates: number): Answered {
  return { passages: passages.map(passageName), candidates };
}
