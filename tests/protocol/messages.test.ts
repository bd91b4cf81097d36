import { describe, expect, test } from "@jest/globals";
import { encode } from "cborg";
import fc from "fast-check";
import type { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import {
  answerBody,
  blockManifest,
  decodeEndToEndMessage,
  decodeHopMessage,
  decodeValue,
  encodeValue,
  SCORED_BLOCK_BYTES,
  limits,
  messageLimits,
  packSealedRows,
  passageDelivery,
  passageStatement,
  queryBody,
  scoreList,
  shareBody,
  shareNote,
  unpackSealedRows,
} from "../../protocol/index.ts";
import { endToEndMessages, hopMessages } from "../../protocol/messages.ts";

const id16 = new Uint8Array(16).fill(0xab);
const id32 = new Uint8Array(32).fill(0xcd);
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const name = (length: number): string => "n".repeat(length);
const list = <T>(length: number, entry: T): T[] => new Array<T>(length).fill(entry);
const blockEntry = { block: 3, version: id16, occupied: Uint8Array.of(1), hint: zeros(7936), passages: id32 };
const heldEntry = { ...blockEntry, hint: zeros(0), passages: zeros(0) };
const statementRow = { block: 0, version: id16, slot: 5, leaf: id32, path: zeros(160) };
const passage = {
  documentId: "report.md",
  title: "A title",
  text: "Some text, ü and 漢.",
  ordinal: 0,
  salt: id32,
};

type Fields = Readonly<Record<string, unknown>>;

const without = (fields: Fields, left: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([field]) => field !== left));

interface Shape {
  readonly decode: (bytes: Uint8Array) => unknown;
  /** At least one; the first has every field as a peer would fill it. */
  readonly valid: readonly Fields[];
  /** Values no receiver may take, by field. */
  readonly bad: Readonly<Record<string, readonly unknown[]>>;
}

const badIds = [zeros(15), zeros(17), "0123456789abcdef", null, list(16, 0)];
const badPoints = [zeros(31), zeros(33), zeros(32 * limits.alignPagePointsMax + 32), "x", null, [1]];
const badNames = [
  "",
  "Upper",
  "-dash",
  "a b",
  "../up",
  "a\u0000",
  name(limits.nameLengthMax + 1),
  5,
  null,
  Buffer.from("clinic"),
];
const badCodes = ["", "lower", "A".repeat(65), "1A", "A B", 7];
const badReasons = ["x".repeat(501), 5, null, "\u001b[2J", "two\nlines", "\u202eback"];
const badU32 = [-1, 2 ** 32, 1.5, "1", null];

const hop = (valid: readonly Fields[], bad: Shape["bad"]): Shape => ({ decode: decodeHopMessage, valid, bad });
const endToEnd = (valid: readonly Fields[], bad: Shape["bad"]): Shape => ({
  decode: decodeEndToEndMessage,
  valid,
  bad,
});
const value = (schema: z.ZodType, valid: readonly Fields[], bad: Shape["bad"]): Shape => ({
  decode: (bytes) => decodeValue(schema, bytes),
  valid,
  bad,
});

const query = { type: "query", queryId: id16, deadlineMs: 30_000, parties: ["clinic", "lab-2"], body: zeros(100) };
const refusal = {
  type: "refusal",
  queryId: id16,
  party: "clinic",
  code: "BUSY",
  reason: "x".repeat(500),
  retryAfterMs: 0,
};

/** As many versions as a party may have blocks, and some more. */
const manyVersions = (more: number): Uint8Array => zeros(16 * (limits.blocksPerPartyMax + more));

const scoring = { chunk: 32, normMax: 2.5, scoreBits: 14, seed: id32 };
const grant = { member: "lab", grant: zeros(900) };
const largestGrant = { member: name(limits.nameLengthMax), grant: zeros(limits.grantBytesMax) };
const kept = { collection: id16, owner: "clinic", grant: zeros(900) };
const badRevisions = [-1, 0.5, 2 ** 60, "1", null];
/** As many row ids as one message may name, and some more. */
const manyRowIds = (more: number): Uint8Array => zeros(16 * (limits.hostedBatchRowsMax + more));

const trainingSettings = {
  run: "hashed",
  seed: 1,
  bits: limits.trainingBitsMax,
  hidden: [limits.trainingWidthMax],
  batchNorm: true,
  release: "codes",
  greedyPenalty: 0,
  laplaceEpsilon: null,
  learningRate: 0.002,
  weightDecay: 0,
  stepEpochs: 8,
  stepFactor: 0.3,
};

const shapes: Readonly<Record<string, Shape>> = {
  roster: hop(
    [
      { type: "roster", parties: ["a", name(limits.nameLengthMax)] },
      { type: "roster", parties: [] },
    ],
    {
      parties: [list(limits.membersMax + 1, "a"), ["A"], "a", {}, [1], null],
    },
  ),
  serve: hop([{ type: "serve", encoder: id32 }], { encoder: [zeros(31), zeros(33), "00".repeat(32), null] }),
  query: hop([query, { ...query, parties: [], deadlineMs: limits.queryDeadlineMsMax }], {
    queryId: badIds,
    deadlineMs: [0, -1, limits.queryDeadlineMsMax + 1, 1.5, "1", 2 ** 40],
    parties: [list(limits.membersMax + 1, "a"), [""], null],
    body: ["text", null, []],
  }),
  answer: hop([{ type: "answer", queryId: id16, party: "clinic", body: zeros(9) }], {
    queryId: badIds,
    party: badNames,
    body: ["text", null],
  }),
  share: hop([{ type: "share", queryId: id16, party: "clinic", body: zeros(9), residues: zeros(400) }], {
    queryId: badIds,
    party: badNames,
    body: ["text", null],
    residues: [zeros(1), zeros(399), "text", null, [1]],
  }),
  total: hop(
    [
      { type: "total", queryId: id16, residues: zeros(400), shares: [{ party: "clinic", body: zeros(9) }] },
      {
        type: "total",
        queryId: id16,
        residues: zeros(0),
        shares: list(limits.verticalPartiesMax, { party: "clinic", body: zeros(0) }),
      },
    ],
    {
      queryId: badIds,
      residues: [zeros(2), "text", null],
      shares: [
        list(limits.verticalPartiesMax + 1, { party: "clinic", body: zeros(0) }),
        [{ party: "clinic" }],
        [{ party: "../up", body: zeros(0) }],
        [{ party: "clinic", body: zeros(0), more: 1 }],
        {},
        null,
      ],
    },
  ),
  refusal: hop([refusal, { ...refusal, retryAfterMs: null }, { ...refusal, retryAfterMs: limits.retryAfterMsMax }], {
    queryId: badIds,
    party: badNames,
    code: badCodes,
    reason: badReasons,
    retryAfterMs: [-1, 0.5, limits.retryAfterMsMax + 1, 2 ** 40, "1", id16],
  }),
  cancel: hop([{ type: "cancel", queryId: id16 }], { queryId: badIds }),
  relay: hop([{ type: "relay", session: id16, peer: "clinic", body: zeros(0) }], {
    session: badIds,
    peer: badNames,
    body: ["text", null],
  }),
  hangup: hop([{ type: "hangup", session: id16, peer: "clinic", code: "CLOSED" }], {
    session: badIds,
    peer: badNames,
    code: badCodes,
  }),
  "federation-revision": hop([{ type: "federation-revision", revision: 1, digest: zeros(32) }], {
    revision: [0, ...badRevisions],
    digest: [zeros(31), zeros(33), "digest"],
  }),
  federation: hop(
    [
      { type: "federation", file: "{}" },
      { type: "federation", file: "x".repeat(limits.federationFileMax) },
    ],
    { file: ["x".repeat(limits.federationFileMax + 1), 5, null, zeros(9)] },
  ),
  join: hop([{ type: "join", claim: zeros(limits.claimBytesMax) }], {
    claim: [zeros(limits.claimBytesMax + 1), "claim"],
  }),
  goodbye: hop([{ type: "goodbye", code: "WRONG_ROLE", reason: "" }], { code: badCodes, reason: badReasons }),
  sync: endToEnd(
    [
      { type: "sync", id: 0, held: zeros(32) },
      { type: "sync", id: 0, held: manyVersions(0) },
    ],
    {
      id: badU32,
      held: [zeros(15), zeros(33), manyVersions(1), "x", null],
    },
  ),
  describe: endToEnd(
    [
      { type: "describe", id: 0, versions: zeros(16) },
      { type: "describe", id: 0, versions: manyVersions(0) },
    ],
    {
      id: badU32,
      versions: [zeros(15), zeros(33), manyVersions(1), "x", null],
    },
  ),
  blocks: endToEnd(
    [
      { type: "blocks", id: 2 ** 32 - 1, last: true, blocks: [blockEntry, heldEntry] },
      { type: "blocks", id: 1, last: false, blocks: [] },
    ],
    {
      id: badU32,
      last: [0, "true", null],
      blocks: [
        list(limits.blocksPerMessageMax + 1, { ...blockEntry, hint: zeros(0) }),
        [{ ...blockEntry, block: -1 }],
        [{ ...blockEntry, version: zeros(15) }],
        [{ ...blockEntry, occupied: zeros(257) }],
        [{ ...blockEntry, hint: zeros(65_537) }],
        [{ ...blockEntry, passages: zeros(33) }],
        [{ ...blockEntry, extra: 0 }],
        [{ block: 1 }],
        null,
      ],
    },
  ),
  fetch: endToEnd([{ type: "fetch", id: 7, queryId: id16, handles: zeros(8 * limits.fetchHandlesMax) }], {
    id: badU32,
    queryId: badIds,
    handles: [zeros(8 * limits.fetchHandlesMax - 1), zeros(8 * limits.fetchHandlesMax + 8), zeros(0), null],
  }),
  passages: endToEnd([{ type: "passages", id: 7, padded: zeros(limits.passagePadBytes) }], {
    id: badU32,
    padded: ["x", null],
  }),
  fault: endToEnd([{ type: "fault", id: 7, code: "FETCH_EXPIRED", reason: "gone" }], {
    id: badU32,
    code: badCodes,
    reason: badReasons,
  }),
  "host-list": endToEnd([{ type: "host-list", id: 0 }], { id: badU32 }),
  "host-create": endToEnd(
    [
      { type: "host-create", id: 1, collection: id16, dim: 1025, search: "exact", scoring },
      { type: "host-create", id: 1, collection: id16, dim: limits.hostedDimMax, search: "approximate", scoring: null },
    ],
    {
      id: badU32,
      collection: badIds,
      dim: [0, -1, 1.5, limits.hostedDimMax + 1, 2 ** 40, "1025", null],
      search: ["", "fast", null, 1],
      scoring: [
        {},
        [],
        "none",
        { ...scoring, seed: zeros(31) },
        { ...scoring, seed: zeros(33) },
        { ...scoring, chunk: 1.5 },
        { ...scoring, chunk: "32" },
        { ...scoring, normMax: 0 },
        { ...scoring, normMax: -1 },
        { ...scoring, scoreBits: 2 ** 60 },
        { ...scoring, extra: 1 },
        without(scoring, "seed"),
      ],
    },
  ),
  "host-describe": endToEnd(
    [
      { type: "host-describe", id: 1, collection: id16, header: zeros(1024), grants: [grant] },
      { type: "host-describe", id: 1, collection: id16, header: zeros(limits.hostedHeaderBytesMax), grants: [] },
      {
        type: "host-describe",
        id: 1,
        collection: id16,
        header: zeros(0),
        grants: list(limits.readersMax, largestGrant),
      },
    ],
    {
      id: badU32,
      collection: badIds,
      header: [zeros(limits.hostedHeaderBytesMax + 1), "x", null, []],
      grants: [
        list(limits.readersMax + 1, grant),
        [{ ...grant, grant: zeros(limits.grantBytesMax + 1) }],
        [{ ...grant, extra: 1 }],
        [without(grant, "grant")],
        ...badNames.map((member) => [{ ...grant, member }]),
        {},
        null,
      ],
    },
  ),
  "host-open": endToEnd([{ type: "host-open", id: 1, collection: id16 }], { id: badU32, collection: badIds }),
  "host-put": endToEnd([{ type: "host-put", id: 1, collection: id16, rows: zeros(4) }], {
    id: badU32,
    collection: badIds,
    rows: ["x", null, [1]],
  }),
  "host-remove": endToEnd(
    [
      { type: "host-remove", id: 1, collection: id16, rowIds: zeros(32) },
      { type: "host-remove", id: 1, collection: id16, rowIds: manyRowIds(0) },
    ],
    {
      id: badU32,
      collection: badIds,
      rowIds: [zeros(15), zeros(17), manyRowIds(1), "x", null, [id16]],
    },
  ),
  "host-erase": endToEnd([{ type: "host-erase", id: 1, collection: id16 }], { id: badU32, collection: badIds }),
  "host-versions": endToEnd(
    [
      { type: "host-versions", id: 1, collection: id16, after: id16 },
      { type: "host-versions", id: 1, collection: id16, after: zeros(0) },
    ],
    { id: badU32, collection: badIds, after: [zeros(1), zeros(15), zeros(17), "x", null] },
  ),
  "host-read": endToEnd(
    [
      { type: "host-read", id: 1, collection: id16, rowIds: zeros(16) },
      { type: "host-read", id: 1, collection: id16, rowIds: manyRowIds(0) },
    ],
    { id: badU32, collection: badIds, rowIds: [zeros(15), zeros(17), manyRowIds(1), "x", null] },
  ),
  "host-search": endToEnd(
    [
      { type: "host-search", id: 1, collection: id16, vector: zeros(4100), candidates: 40, known: 3 },
      {
        type: "host-search",
        id: 1,
        collection: id16,
        vector: zeros(4 * limits.hostedDimMax),
        candidates: limits.hostedCandidatesMax,
        known: Number.MAX_SAFE_INTEGER,
      },
    ],
    {
      id: badU32,
      collection: badIds,
      vector: [zeros(3), zeros(4 * limits.hostedDimMax + 4), "x", null, [0.5]],
      candidates: [0, -1, 1.5, limits.hostedCandidatesMax + 1, 2 ** 40, "9", null],
      known: badRevisions,
    },
  ),
  "host-score": endToEnd([{ type: "host-score", id: 1, collection: id16, query: zeros(7936), known: 0 }], {
    id: badU32,
    collection: badIds,
    query: ["x", null, [1]],
    known: badRevisions,
  }),
  "route-summary": endToEnd(
    [
      { type: "route-summary", id: 0, known: zeros(16) },
      { type: "route-summary", id: 0, known: zeros(0) },
    ],
    { id: badU32, known: [zeros(15), zeros(17), zeros(32), "x", null] },
  ),
  "route-prototypes": endToEnd(
    [
      { type: "route-prototypes", id: 0, version: id16, coder: id32, prototypes: zeros(64), passages: [5, 6] },
      {
        type: "route-prototypes",
        id: 2 ** 32 - 1,
        version: id16,
        coder: id32,
        prototypes: zeros(limits.routingCodeBytes * limits.routingPrototypesMax),
        passages: list(limits.routingPrototypesMax, 2 ** 32 - 1),
      },
    ],
    {
      id: badU32,
      version: badIds,
      coder: [id16, zeros(33), "x", null],
      prototypes: [zeros(limits.routingCodeBytes * limits.routingPrototypesMax + 1), "x", null, [1]],
      passages: [list(limits.routingPrototypesMax + 1, 5), [-1], [0.5], [2 ** 32], ["5"], null],
    },
  ),
  "train-shape": endToEnd([{ type: "train-shape", id: 0 }], { id: badU32 }),
  "train-begin": endToEnd(
    [
      { type: "train-begin", id: 0, settings: trainingSettings, epochsDone: 3 },
      { type: "train-begin", id: 0, settings: { ...trainingSettings, laplaceEpsilon: 0.5 }, epochsDone: 0 },
    ],
    {
      id: badU32,
      epochsDone: [-1, 1.5, 1e9, null],
      settings: [
        ...["", "Upper", "../up", "a/b", "r".repeat(limits.trainingRunLengthMax + 1), null].map((run) => ({
          ...trainingSettings,
          run,
        })),
        ...[0, 1.5, limits.trainingBitsMax + 1].map((bits) => ({ ...trainingSettings, bits })),
        ...[[0], [limits.trainingWidthMax + 1], list(limits.trainingLayersMax + 1, 1), new Uint8Array(4), null].map(
          (hidden) => ({
            ...trainingSettings,
            hidden,
          }),
        ),
        ...[0, -1, 1e10, "1"].map((laplaceEpsilon) => ({ ...trainingSettings, laplaceEpsilon })),
        { ...trainingSettings, release: "features" },
        { ...trainingSettings, learningRate: -1 },
        { ...trainingSettings, stepEpochs: 0 },
        { ...trainingSettings, extra: 0 },
        without(trainingSettings, "seed"),
        null,
      ],
    },
  ),
  "train-forward": endToEnd(
    [
      { type: "train-forward", id: 1, split: "train", rows: zeros(8), training: true },
      { type: "train-forward", id: 1, split: "test", rows: zeros(4 * limits.trainingRowsMax), training: false },
    ],
    {
      id: badU32,
      split: ["all", null, 1],
      rows: [zeros(7), zeros(4 * limits.trainingRowsMax + 4), [1], null],
      training: [1, null],
    },
  ),
  "train-backward": endToEnd([{ type: "train-backward", id: 1, gradient: zeros(4 * limits.trainingBitsMax) }], {
    id: badU32,
    gradient: [zeros(3), [0.5], null],
  }),
  "train-end-epoch": endToEnd([{ type: "train-end-epoch", id: 1, epochsDone: 1 }], {
    id: badU32,
    epochsDone: [0, -1, 1.5, null],
  }),
  "train-export": endToEnd([{ type: "train-export", id: 1, run: "hashed" }], { id: badU32, run: ["", "..", "A", 5] }),
  "train-party": endToEnd([{ type: "train-party", id: 1, features: 8, train: 100, test: 20 }], {
    id: badU32,
    features: badU32,
    train: badU32,
    test: badU32,
  }),
  "train-codes": endToEnd([{ type: "train-codes", id: 1, codes: zeros(3) }], {
    id: badU32,
    codes: [zeros((limits.trainingRowsMax * limits.trainingBitsMax) / 8 + 1), "x", null],
  }),
  "train-floats": endToEnd([{ type: "train-floats", id: 1, values: zeros(12) }], {
    id: badU32,
    values: [zeros(3), [0.5], null],
  }),
  "codes-read": endToEnd(
    [
      { type: "codes-read", id: 1, entities: ["an entity", "ü".repeat(limits.entityIdLengthMax)] },
      { type: "codes-read", id: 1, entities: list(limits.codesPerRequestMax, "漢".repeat(limits.entityIdLengthMax)) },
    ],
    {
      id: badU32,
      entities: [
        [],
        [""],
        [5],
        list(limits.codesPerRequestMax + 1, "a"),
        ["x".repeat(limits.entityIdLengthMax + 1)],
        null,
      ],
    },
  ),
  "codes-list": endToEnd([{ type: "codes-list", id: 1, bits: 12, known: zeros(1), codes: zeros(4), left: 7 }], {
    id: badU32,
    bits: [0, limits.codeBitsMax + 1, 1.5, null],
    known: [zeros(limits.codesPerRequestMax / 8 + 1), "x", null],
    codes: [zeros((limits.codesPerRequestMax * limits.codeBitsMax) / 8 + 1), null],
    left: [-1, 0.5, null],
  }),
  "train-done": endToEnd([{ type: "train-done", id: 1 }], { id: badU32 }),
  "align-begin": endToEnd(
    [
      { type: "align-begin", id: 1, alignment: id16, parties: ["a", "b"], invitation: zeros(0) },
      {
        type: "align-begin",
        id: 1,
        alignment: id16,
        parties: list(limits.alignPartiesMax, "clinic"),
        invitation: zeros(limits.alignInvitationBytesMax),
      },
    ],
    {
      id: badU32,
      alignment: badIds,
      parties: [["a"], list(limits.alignPartiesMax + 1, "a"), ...badNames.map((name) => ["a", name]), null],
      invitation: [zeros(limits.alignInvitationBytesMax + 1), "x", null],
    },
  ),
  "align-blind": endToEnd(
    [{ type: "align-blind", id: 1, from: limits.alignIdsMax, count: limits.alignPagePointsMax }],
    {
      id: badU32,
      from: [-1, 0.5, limits.alignIdsMax + 1, "0", null],
      count: [0, -1, 1.5, limits.alignPagePointsMax + 1, "1", null],
    },
  ),
  "align-raise": endToEnd([{ type: "align-raise", id: 1, points: zeros(32 * limits.alignPagePointsMax) }], {
    id: badU32,
    points: badPoints,
  }),
  "align-keep": endToEnd([{ type: "align-keep", id: 1, positions: zeros(8) }], {
    id: badU32,
    positions: [zeros(3), zeros(5), zeros(4 * limits.alignIdsMax + 4), "x", null, [1]],
  }),
  "align-begun": endToEnd(
    [{ type: "align-begun", id: 1, ids: 3, invitations: [{ member: "b", invitation: zeros(200) }] }],
    {
      id: badU32,
      ids: [-1, 0.5, limits.alignIdsMax + 1, "3", null],
      invitations: [
        list(limits.alignPartiesMax + 1, { member: "b", invitation: zeros(1) }),
        [{ member: "b", invitation: zeros(limits.alignInvitationBytesMax + 1) }],
        [{ member: "b", invitation: zeros(1), extra: 1 }],
        [{ member: "b" }],
        ...badNames.map((member) => [{ member, invitation: zeros(1) }]),
        null,
      ],
    },
  ),
  "align-points": endToEnd([{ type: "align-points", id: 1, points: zeros(64) }], { id: badU32, points: badPoints }),
  "align-kept": endToEnd([{ type: "align-kept", id: 1 }], { id: badU32 }),
  "host-fetch": endToEnd(
    [
      { type: "host-fetch", id: 2, collection: id16, scored: 1, handles: zeros(16) },
      { type: "host-fetch", id: 2, collection: id16, scored: 1, handles: zeros(8 * limits.hostedCandidatesMax) },
    ],
    {
      id: badU32,
      collection: badIds,
      scored: badU32,
      handles: [zeros(7), zeros(9), zeros(8 * limits.hostedCandidatesMax + 8), "x", null],
    },
  ),
  "host-collections": endToEnd(
    [
      { type: "host-collections", id: 1, collections: [kept, { ...kept, grant: zeros(0) }] },
      { type: "host-collections", id: 1, collections: list(limits.hostedCollectionsMax, kept) },
    ],
    {
      id: badU32,
      collections: [
        list(limits.hostedCollectionsMax + 1, kept),
        [{ ...kept, grant: zeros(limits.grantBytesMax + 1) }],
        [{ ...kept, extra: 1 }],
        [without(kept, "owner")],
        ...badIds.map((collection) => [{ ...kept, collection }]),
        ...badNames.map((owner) => [{ ...kept, owner }]),
        null,
      ],
    },
  ),
  "host-state": endToEnd(
    [
      { type: "host-state", id: 1, revision: 3, header: zeros(1024), rowCount: 40, readers: ["lab"] },
      {
        type: "host-state",
        id: 1,
        revision: 0,
        header: zeros(limits.hostedHeaderBytesMax),
        rowCount: 0,
        readers: list(limits.readersMax, name(limits.nameLengthMax)),
      },
    ],
    {
      id: badU32,
      revision: badRevisions,
      header: [zeros(limits.hostedHeaderBytesMax + 1), "x", null],
      rowCount: [-1, 1.5, 2 ** 60, "1", null],
      readers: [list(limits.readersMax + 1, "a"), ["A"], "a", [1], null],
    },
  ),
  "host-done": endToEnd([{ type: "host-done", id: 1 }], { id: badU32 }),
  "host-version-list": endToEnd(
    [
      { type: "host-version-list", id: 1, list: zeros(48) },
      { type: "host-version-list", id: 1, list: zeros(24 * limits.hostedVersionsMax) },
    ],
    { id: badU32, list: [zeros(23), zeros(25), zeros(24 * limits.hostedVersionsMax + 24), "x", null] },
  ),
  "host-scores": endToEnd(
    [
      { type: "host-scores", id: 1, blocks: zeros(40), scores: zeros(112), revision: 3, header: zeros(1024) },
      {
        type: "host-scores",
        id: 1,
        blocks: zeros(20 * limits.blocksPerPartyMax),
        scores: zeros(0),
        revision: 0,
        header: zeros(0),
      },
    ],
    {
      id: badU32,
      blocks: [zeros(1), zeros(19), zeros(20 * (limits.blocksPerPartyMax + 1)), [[0, id16]], null],
      scores: ["x", null],
      revision: badRevisions,
      header: [zeros(limits.hostedHeaderBytesMax + 1), "x", null],
    },
  ),
  "host-rows": endToEnd(
    [
      { type: "host-rows", id: 1, last: false, rows: zeros(4), revision: 3, header: zeros(1024) },
      { type: "host-rows", id: 1, last: true, rows: zeros(limits.passagePadBytes), revision: 3, header: zeros(0) },
    ],
    {
      id: badU32,
      last: [0, "true", null],
      rows: ["x", null, [1]],
      revision: badRevisions,
      header: [zeros(limits.hostedHeaderBytesMax + 1), "x", null],
    },
  ),
  queryBody: value(queryBody, [{ queryId: id16, issuedAtMs: 1_700_000_000_000, answerKey: id32, query: zeros(7936) }], {
    queryId: badIds,
    issuedAtMs: [-1, 0.5, "now", null, 2 ** 53],
    answerKey: [zeros(31), zeros(33), "x", null],
    query: ["x", null, [1]],
  }),
  shareBody: value(shareBody, [{ queryId: id16, queryHash: id32, residuesHash: id32, sealed: zeros(100) }], {
    queryId: badIds,
    queryHash: [zeros(31), zeros(33), "x"],
    residuesHash: [zeros(31), zeros(33), "x"],
    sealed: ["x", null, [1]],
  }),
  blockManifest: value(
    blockManifest,
    [
      { blocks: zeros(20), descriptions: id32, passages: id32 },
      { blocks: zeros(0), descriptions: zeros(0), passages: zeros(0) },
    ],
    {
      blocks: [zeros(20 * limits.blocksPerMessageMax + 20), null, "x"],
      descriptions: [zeros(32 * limits.blocksPerMessageMax + 32), null, "x"],
      passages: [zeros(32 * limits.blocksPerMessageMax + 32), null, "x"],
    },
  ),
  passageStatement: value(
    passageStatement,
    [
      { queryId: id16, queryHash: id32, rows: list(limits.fetchHandlesMax, statementRow) },
      { queryId: id16, queryHash: id32, rows: [] },
    ],
    {
      queryId: badIds,
      queryHash: [zeros(31), null],
      rows: [
        list(limits.fetchHandlesMax + 1, statementRow),
        ...["block", "version", "slot", "leaf", "path"].map((field) => [without(statementRow, field)]),
        [{ ...statementRow, score: 1 }],
        [{ ...statementRow, slot: 0.5 }],
        [{ ...statementRow, path: zeros(33) }],
        [{ ...statementRow, path: zeros(17 * 32) }],
        statementRow,
        null,
      ],
    },
  ),
  passageDelivery: value(
    passageDelivery,
    [
      { statement: zeros(300), passages: list(limits.fetchHandlesMax, passage) },
      { statement: zeros(300), passages: [] },
    ],
    {
      statement: [zeros(65_537), null, "x"],
      passages: [
        list(limits.fetchHandlesMax + 1, passage),
        passage,
        ...Object.keys(passage).map((field) => [without(passage, field)]),
        [{ ...passage, score: 1 }],
        [{ ...passage, text: zeros(4) }],
        [{ ...passage, documentId: "x".repeat(4097) }],
        [{ ...passage, title: "x".repeat(65_537) }],
        [{ ...passage, ordinal: -1 }],
        [{ ...passage, salt: zeros(31) }],
      ],
    },
  ),
  shareNote: value(shareNote, [{ blocks: zeros(40), maskSeed: id32, alignment: id32, positions: 50 }], {
    blocks: [zeros(1), zeros(21), zeros(20 * (limits.blocksPerPartyMax + 1)), null, "x"],
    maskSeed: [zeros(31), zeros(33), "x", null],
    alignment: [zeros(31), zeros(33), "x", null],
    positions: badU32,
  }),
  answerBody: value(answerBody, [{ queryId: id16, queryHash: id32, sealed: zeros(100) }], {
    queryId: badIds,
    queryHash: [zeros(31), zeros(33), "x"],
    sealed: ["x", null, [1]],
  }),
  scoreList: value(
    scoreList,
    [
      { blocks: zeros(40), scores: zeros(112) },
      { blocks: zeros(0), scores: zeros(0) },
      { blocks: zeros(20 * limits.blocksPerPartyMax), scores: zeros(0) },
    ],
    {
      blocks: [zeros(1), zeros(19), zeros(21), zeros(20 * (limits.blocksPerPartyMax + 1)), [[0, id16]], null, "x"],
      scores: ["x", null],
    },
  ),
};

test("a query of a vertical federation carries at most one sealed key a party; one of another has no such field", () => {
  const body = { queryId: id16, issuedAtMs: 1_700_000_000_000, answerKey: id32, query: zeros(9) };
  const withKeys = (length: number): Uint8Array => encodeValue({ ...body, checkKeys: zeros(length) });
  expect(decodeValue(queryBody, withKeys(160)).checkKeys).toHaveLength(160);
  expect(faultOf((bytes) => decodeValue(queryBody, bytes), withKeys(80 * limits.verticalPartiesMax + 1)).code).toBe(
    "MESSAGE_INVALID",
  );
  expect(Object.keys(decodeValue(queryBody, encodeValue(body)))).toEqual(Object.keys(body));
});

test("every message type of the protocol has its examples here", () => {
  const named = Object.keys(shapes).filter((shape) => shape in messageLimits);
  expect(named.sort()).toEqual([...Object.keys(hopMessages), ...Object.keys(endToEndMessages)].sort());
  expect(Object.keys(messageLimits).sort()).toEqual(named);
});

/** The fault a decoder throws; anything else it throws fails the test, and so does success. */
function faultOf(decode: Shape["decode"], bytes: Uint8Array): Fault {
  try {
    decode(bytes);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe.each(Object.entries(shapes))("%s", (_shape, { decode, valid, bad }) => {
  const example = valid[0] ?? {};

  test("valid ones come through as they are", () => {
    expect(valid.length).toBeGreaterThan(0);
    for (const fields of valid) {
      const bytes = encodeValue(fields);
      const decoded = decode(bytes);
      // Jest compares byte by byte, which takes seconds for megabytes.
      if (bytes.length < 10_000) expect(decoded).toEqual(fields);
      else expect(Buffer.compare(encodeValue(decoded), bytes)).toBe(0);
    }
  });

  test("every field must be there, and no other", () => {
    for (const field of Object.keys(example)) {
      expect([field, faultOf(decode, encode(without(example, field))).code]).toEqual([
        field,
        field === "type" ? "MESSAGE_UNKNOWN" : "MESSAGE_INVALID",
      ]);
    }
    for (const extra of ["extra", "constructor", "toString", "__proto__"]) {
      const fields = Object.defineProperty({ ...example }, extra, { value: 1, enumerable: true });
      expect([extra, faultOf(decode, encode(fields)).code]).toEqual([extra, "MESSAGE_INVALID"]);
    }
  });

  test("every field has rows of bad values, and each is refused", () => {
    expect(Object.keys(bad).sort()).toEqual(Object.keys(without(example, "type")).sort());
    for (const [field, values] of Object.entries(bad)) {
      for (const [row, wrong] of values.entries()) {
        expect([field, row, faultOf(decode, encode({ ...example, [field]: wrong })).code]).toEqual([
          field,
          row,
          "MESSAGE_INVALID",
        ]);
      }
      expect([field, faultOf(decode, encode({ ...example, [field]: Number.NaN })).code]).toEqual([
        field,
        "FRAME_MALFORMED",
      ]);
      expect([field, faultOf(decode, encode({ ...example, [field]: undefined })).code]).toEqual([
        field,
        "FRAME_MALFORMED",
      ]);
    }
  });

  test("cut anywhere or followed by anything, it is refused", () => {
    const bytes = encodeValue(example);
    const step = Math.max(1, Math.floor(bytes.length / 200));
    for (let end = 0; end < bytes.length; end += step)
      expect(["FRAME_MALFORMED"]).toContain(faultOf(decode, bytes.subarray(0, end)).code);
    expect(faultOf(decode, new Uint8Array([...bytes, 0])).code).toBe("FRAME_MALFORMED");
  });

  test("with any one byte changed it is refused or still fits; nothing else is thrown", () => {
    const bytes = encodeValue(example);
    for (let at = 0; at < Math.min(bytes.length, 300); at++) {
      for (const bit of [1, 0x20, 0x80]) {
        try {
          decode(bytes.map((byte, i) => (i === at ? byte ^ bit : byte)));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }
    }
  });
});

const bytesOf = (hexText: string): Uint8Array => new Uint8Array(Buffer.from(hexText.replaceAll(" ", ""), "hex"));
const textHex = (text: string): string => (0x60 + text.length).toString(16) + Buffer.from(text).toString("hex");

/** CBOR that no decoder may take, whatever message it claims to be. */
const hostile: readonly { id: string; bytes: Uint8Array; fault: string }[] = [
  { id: "nothing", bytes: zeros(0), fault: "FRAME_MALFORMED" },
  { id: "an unknown type", bytes: encodeValue({ type: "teleport" }), fault: "MESSAGE_UNKNOWN" },
  { id: "a type that every object has", bytes: encodeValue({ type: "constructor" }), fault: "MESSAGE_UNKNOWN" },
  { id: "the type __proto__", bytes: encodeValue({ type: "__proto__" }), fault: "MESSAGE_UNKNOWN" },
  { id: "a type that is a number", bytes: encodeValue({ type: 1 }), fault: "MESSAGE_UNKNOWN" },
  { id: "a type that is bytes", bytes: encodeValue({ type: Buffer.from("cancel") }), fault: "MESSAGE_UNKNOWN" },
  { id: "a list", bytes: encodeValue(["cancel"]), fault: "MESSAGE_UNKNOWN" },
  { id: "a text", bytes: encodeValue("cancel"), fault: "MESSAGE_UNKNOWN" },
  { id: "null", bytes: bytesOf("f6"), fault: "MESSAGE_UNKNOWN" },
  { id: "undefined", bytes: bytesOf("f7"), fault: "FRAME_MALFORMED" },
  { id: "NaN", bytes: bytesOf("f97e00"), fault: "FRAME_MALFORMED" },
  { id: "infinity", bytes: bytesOf("f97c00"), fault: "FRAME_MALFORMED" },
  {
    id: "a map of indefinite length",
    bytes: bytesOf(`bf ${textHex("type")} ${textHex("cancel")} ff`),
    fault: "FRAME_MALFORMED",
  },
  { id: "a list of indefinite length", bytes: bytesOf("9fff"), fault: "FRAME_MALFORMED" },
  { id: "bytes of indefinite length", bytes: bytesOf("5f 41 00 ff"), fault: "FRAME_MALFORMED" },
  { id: "a stray break", bytes: bytesOf("ff"), fault: "FRAME_MALFORMED" },
  {
    id: "a key twice",
    bytes: bytesOf(`a2 ${textHex("type")} ${textHex("cancel")} ${textHex("type")} ${textHex("serve")}`),
    fault: "FRAME_MALFORMED",
  },
  { id: "a key that is a number", bytes: bytesOf("a1 01 02"), fault: "FRAME_MALFORMED" },
  {
    id: "a __proto__ key",
    bytes: bytesOf(`a2 ${textHex("__proto__")} a1 ${textHex("type")} ${textHex("cancel")} ${textHex("q")} 00`),
    fault: "MESSAGE_UNKNOWN",
  },
  {
    id: "a length in more bytes than it needs",
    bytes: bytesOf(`b9 0001 ${textHex("type")} ${textHex("cancel")}`),
    fault: "FRAME_MALFORMED",
  },
  { id: "4 GiB of bytes declared in five", bytes: bytesOf("5affffffff"), fault: "FRAME_MALFORMED" },
  { id: "2^64 - 1 entries declared in nine bytes", bytes: bytesOf("9bffffffffffffffff"), fault: "FRAME_MALFORMED" },
  { id: "4 Gi entries declared in five bytes", bytes: bytesOf("9affffffff"), fault: "FRAME_MALFORMED" },
  { id: "a map of 4 Gi entries declared in five bytes", bytes: bytesOf("baffffffff"), fault: "FRAME_MALFORMED" },
  { id: "lists a hundred thousand deep", bytes: zeros(100_000).fill(0x81), fault: "FRAME_MALFORMED" },
  {
    id: "maps a hundred thousand deep",
    bytes: new Uint8Array(Buffer.from(`a1${textHex("a")}`.repeat(100_000), "hex")),
    fault: "FRAME_MALFORMED",
  },
  { id: "tags a hundred thousand deep", bytes: zeros(100_000).fill(0xc1), fault: "FRAME_MALFORMED" },
  { id: "a tag", bytes: bytesOf("c0 61 61"), fault: "FRAME_MALFORMED" },
  { id: "a big integer", bytes: bytesOf("1bffffffffffffffff"), fault: "FRAME_MALFORMED" },
  { id: "a reserved length", bytes: bytesOf("1c"), fault: "FRAME_MALFORMED" },
  {
    id: "sixteen million empty maps",
    bytes: new Uint8Array(Buffer.concat([bytesOf("9a00ffffff"), zeros(0xffffff).fill(0xa0)])),
    fault: "FRAME_TOO_LARGE",
  },
  {
    id: "one item more than a message has",
    bytes: new Uint8Array(Buffer.concat([bytesOf("994000"), zeros(limits.messageItemsMax).fill(0xa0)])),
    fault: "FRAME_TOO_LARGE",
  },
  { id: "JSON", bytes: Buffer.from('{"type":"cancel"}'), fault: "FRAME_MALFORMED" },
];

describe.each([
  { layer: "hop", decode: decodeHopMessage },
  { layer: "end to end", decode: decodeEndToEndMessage },
])("$layer", ({ decode }) => {
  test.each(hostile)("$id is refused", ({ bytes, fault }) => {
    expect(faultOf(decode, bytes).code).toBe(fault);
  });

  test("random bytes cause a fault and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        faultOf(decode, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("random CBOR with a known type causes a fault and nothing else", () => {
    const types = [...Object.keys(hopMessages), ...Object.keys(endToEndMessages)];
    const field = fc.constantFrom(
      "id",
      "body",
      "queryId",
      "parties",
      "blocks",
      "session",
      "peer",
      "code",
      "__proto__",
      "collection",
      "rows",
      "grants",
      "header",
      "x",
    );
    const junk = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(null),
      fc.boolean(),
      fc.array(fc.integer()),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.dictionary(field, junk), (type, fields) => {
        try {
          decode(encode({ ...fields, type }));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("a message of one layer is unknown on the other", () => {
  for (const [shape, { decode, valid }] of Object.entries(shapes)) {
    const other =
      decode === decodeHopMessage ? decodeEndToEndMessage : decode === decodeEndToEndMessage ? decodeHopMessage : null;
    if (other) expect([shape, faultOf(other, encodeValue(valid[0])).code]).toEqual([shape, "MESSAGE_UNKNOWN"]);
  }
});

/** A message about the party's own passages, or about a collection that it keeps for another member. */
test.each([
  { type: "sync", id: 0, held: zeros(32) },
  { type: "describe", id: 0, versions: zeros(16) },
])("$type may name a collection", (fields) => {
  const named = { ...fields, collection: id16 };
  expect(decodeEndToEndMessage(encodeValue(named))).toEqual(named);
  for (const [row, collection] of badIds.entries())
    expect([row, faultOf(decodeEndToEndMessage, encode({ ...fields, collection })).code]).toEqual([
      row,
      "MESSAGE_INVALID",
    ]);
});

describe("sealed rows", () => {
  const row = (rowId: number, passageBytes: number) => ({
    rowId: zeros(16).fill(rowId),
    version: Number.MAX_SAFE_INTEGER - rowId,
    vector: Float32Array.of(rowId, -0.5, 1e-3),
    passage: zeros(passageBytes).fill(rowId),
  });
  const unpack = (packed: Uint8Array): unknown => unpackSealedRows(packed, 3);
  /** With other bytes at one place. */
  const changed = (packed: Uint8Array, at: number, bytes: readonly number[]): Uint8Array => {
    const copy = packed.slice();
    copy.set(bytes, at);
    return copy;
  };
  const packed = packSealedRows([row(1, 5), row(2, 0)], 3);

  test("come through as they are, padded or not, and share no memory with the message", () => {
    expect(unpack(packed)).toEqual([row(1, 5), row(2, 0)]);
    expect(unpack(packSealedRows([], 3))).toEqual([]);
    const padded = packSealedRows([row(1, 5), row(2, 0)], 3, 1024);
    expect(padded).toHaveLength(1024);
    const rows = unpackSealedRows(padded, 3);
    padded.fill(0xff);
    expect(rows).toEqual([row(1, 5), row(2, 0)]);
  });

  test.each([
    { id: "no bytes", bytes: zeros(0) },
    { id: "half a number of rows", bytes: zeros(3) },
    { id: "one row more than is there", bytes: changed(packed, 0, [3]) },
    { id: "one row less than is there", bytes: changed(packed, 0, [1]) },
    { id: "more rows than a message may have", bytes: changed(zeros(1_000_000), 0, [1, 16, 0, 0]) },
    { id: "4 Gi rows", bytes: changed(packed, 0, [255, 255, 255, 255]) },
    { id: "a passage of 4 GiB", bytes: changed(packed, 4 + 24, [255, 255, 255, 255]) },
    { id: "a passage of one byte more than is there", bytes: changed(packed, 4 + 28 + 12 + 5 + 24, [1]) },
    { id: "version 0", bytes: changed(packed, 4 + 16, [0, 0, 0, 0, 0, 0, 0, 0]) },
    { id: "version 2^53", bytes: changed(packed, 4 + 16, [0, 0, 0, 0, 0, 0, 32, 0]) },
    { id: "version 2^64 - 1", bytes: changed(packed, 4 + 16, new Array<number>(8).fill(255)) },
    { id: "padding that is not zero", bytes: new Uint8Array([...packed, 0, 1]) },
  ])("$id is refused", ({ bytes }) => {
    expect(faultOf(unpack, bytes).code).toBe("MESSAGE_INVALID");
  });

  test("cut anywhere they are refused", () => {
    for (let end = 0; end < packed.length; end++)
      expect([end, faultOf(unpack, packed.subarray(0, end)).code]).toEqual([end, "MESSAGE_INVALID"]);
  });

  test("a number of rows or bytes that is only claimed takes no memory", () => {
    const manyRows = changed(zeros(64), 0, [0, 16]);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) faultOf((bytes) => unpackSealedRows(bytes, limits.hostedDimMax), manyRows);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  test("random bytes cause a fault or rows, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 3 }), (bytes, rows) => {
        try {
          unpack(bytes.length < 4 ? bytes : changed(bytes, 0, [rows, 0, 0, 0]));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test("each type has its own size limit", () => {
  const small = Object.entries(messageLimits).filter(([, { bytesMax }]) => bytesMax < limits.frameBytesMax);
  expect(small.length).toBeGreaterThan(6);
  for (const [type, { bytesMax }] of small) {
    const decode = type in hopMessages ? decodeHopMessage : decodeEndToEndMessage;
    const frame = (padding: number): Uint8Array => encodeValue({ type, padding: zeros(padding) });
    const full = list(40, 0)
      .map((_, around) => frame(bytesMax - around))
      .find(({ length }) => length === bytesMax);
    expect([type, faultOf(decode, full ?? zeros(0)).code]).toEqual([type, "MESSAGE_INVALID"]);
    expect([type, faultOf(decode, frame(bytesMax)).code]).toEqual([type, "FRAME_TOO_LARGE"]);
  }
});

test("a manifest has at most 84 bytes for each of the blocks that a message may describe, and an envelope", () => {
  const page = { type: "blocks", id: 1, last: true, blocks: [] };
  const withManifest = (length: number): Uint8Array => encodeValue({ ...page, manifest: zeros(length) });
  const bytesMax = 84 * limits.blocksPerMessageMax + 512;
  expect(decodeEndToEndMessage(withManifest(bytesMax))).toMatchObject({ manifest: zeros(bytesMax) });
  for (const bad of [withManifest(bytesMax + 1), encodeValue({ ...page, manifest: null })])
    expect(faultOf(decodeEndToEndMessage, bad).code).toBe("MESSAGE_INVALID");
});

test("a fault never holds what was sent", () => {
  const delivered: Shape["decode"] = (bytes) => decodeValue(passageDelivery, bytes);
  const secret = "swordfish";
  const rows: readonly [Shape["decode"], Uint8Array][] = [
    [decodeHopMessage, encode({ type: secret })],
    [decodeHopMessage, encode({ type: "cancel", queryId: secret })],
    [decodeHopMessage, encode({ type: "cancel", queryId: id16, [secret]: 1 })],
    [decodeHopMessage, encode({ type: "roster", parties: [secret, secret.toUpperCase()] })],
    [decodeHopMessage, encode({ type: "goodbye", code: secret, reason: secret })],
    [decodeHopMessage, bytesOf(`a2 ${textHex(secret)} 01 ${textHex(secret)} 02`)],
    [delivered, encode({ statement: zeros(9), passages: [{ ...passage, text: [secret] }] })],
    [delivered, encode({ statement: zeros(9), passages: [{ ...passage, [secret]: secret }] })],
  ];
  for (const [decode, bytes] of rows) expect(faultOf(decode, bytes).message.toLowerCase()).not.toContain(secret);
});

test("the largest total fits in a frame: a sum, and of every party a signed list of blocks of 32 rows", () => {
  const { verticalPositionsMax: positions, verticalPartiesMax: parties, frameBytesMax } = limits;
  const listBytes = SCORED_BLOCK_BYTES * Math.ceil(positions / 32) + 1024;
  expect(4 * (positions + 32) + parties * listBytes).toBeLessThan(frameBytesMax - 1024);
  expect(parties).toBeLessThanOrEqual(limits.alignPartiesMax);
});
