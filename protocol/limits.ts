/**
 * Every limit of the protocol in one place. Receivers enforce them before they take memory; senders stay below them.
 * A limit that a federation can change is in its signed file instead.
 */
export const limits = {
  /** One WebSocket message. A query of 8,192 dimensions at c = 8 is 8.1 MB; an answer of a million rows is 1.8 MB. */
  frameBytesMax: 16 * 1024 * 1024,
  /** CBOR items in one message; descriptions of blocks have nine each, and a cache of hints holds those of a whole party. */
  frameItemsMax: 1024 * 1024,
  /** A message before the peer is authenticated. */
  handshakeBytesMax: 4096,
  /** From opening the socket to the finished handshake. */
  handshakeTimeoutMs: 10_000,
  /** Sockets that have not finished the handshake, at the coordinator; one more ends the oldest. */
  handshakesMax: 256,
  /** Authenticated connections at the coordinator. */
  connectionsMax: 1024,
  /** Connections of one member at the same time. */
  connectionsPerMemberMax: 64,
  membersMax: 1024,
  /** Characters of a federation file: so many members take a quarter of it. */
  federationFileMax: 1024 * 1024,
  /** Messages that may arrive before their receiver is ready to look at them. */
  earlyMessagesMax: 64,
  /** Unsent bytes to one peer above which the sender waits, where it can. */
  sendQueueBytesComfortable: 4 * 1024 * 1024,
  /** From telling a peer that it is closed to closing it. */
  closeGraceMs: 500,
  /** For sending what is queued before an orderly close. */
  closeFlushMs: 5000,
  /** Unsent bytes to one peer before it is dropped as too slow. */
  sendQueueBytesMax: 128 * 1024 * 1024,
  /** Between two signs of life of a peer. */
  heartbeatMs: 15_000,
  /** Queries of one connection that wait for answers. */
  queriesInFlightMax: 64,
  /** Parties of a vertical federation; as many as can be aligned. */
  verticalPartiesMax: 16,
  /** Entities of a vertical federation: their sum, four bytes each, fits in one frame with every party's list of blocks of 32 rows. */
  verticalPositionsMax: 1_000_000,
  /** Bytes of shares and their sums that a coordinator holds for all queries; one that would take more is ended. */
  totalBytesHeldMax: 512 * 1024 * 1024,
  /** Sessions of one querier connection with parties. */
  sessionsPerConnectionMax: 1024,
  /** Longest a query may take; the querier chooses less. */
  queryDeadlineMsMax: 300_000,
  queryDeadlineMsDefault: 30_000,
  /** Handles in one fetch; every fetch is padded to this many. */
  fetchHandlesMax: 32,
  /** Answers to a fetch are padded to a multiple of this. */
  passagePadBytes: 32 * 1024,
  /** Block descriptions in one message; a larger collection takes several. */
  blocksPerMessageMax: 512,
  /** Blocks of one party that a querier is prepared to know. */
  blocksPerPartyMax: 65_536,
  /** Blocks a party no longer has that a querier keeps, for answers under way; others are downloaded again if an answer names them. */
  pastBlocksMax: 1024,
  /** Replaced blocks a party can still describe, for answers under way; a hint each. */
  replacedBlocksMax: 4096,
  /** How long a party remembers a query whose passages may be fetched. */
  fetchWindowMs: 120_000,
  /** Answered queries of one querier whose passages may still be fetched. */
  fetchableQueriesMax: 256,
  /** Queries a party works on or keeps waiting; more are told to come back. */
  queriesQueuedMax: 64,
  /** Of them, of one querier. */
  queriesQueuedPerQuerierMax: 8,
  /** Longest time after which a busy party may ask a querier to come back. */
  retryAfterMsMax: 300_000,
  /** How far a query's time may be from the party's clock; within it a query is answered once. */
  queryClockSkewMsMax: 300_000,
  /** Bytes of a signed query around its ciphertext. */
  queryEnvelopeBytesMax: 512,
  /** Requests of one end-to-end session that wait for their turn. */
  requestsQueuedMax: 32,
  /** End-to-end sessions a party holds with all queriers. */
  partySessionsMax: 1024,
  /** Of them, with one querier. */
  partySessionsPerQuerierMax: 64,
  /** Between attempts of a party to reach its coordinator, doubled from the first to the second, with jitter. */
  reconnectMsMin: 250,
  reconnectMsMax: 30_000,
  /** UTF-8 bytes of a question. */
  questionBytesMax: 16_384,
  nameLengthMax: 63,
  /** Collections of others that one host keeps. */
  hostedCollectionsMax: 1024,
  /** Entries of a hosted vector. */
  hostedDimMax: 8192,
  /** Rows of one hosted collection that an owner is prepared to hear of. */
  hostedRowsMax: 16_777_216,
  /** Rows in one message to or from a host. */
  hostedBatchRowsMax: 4096,
  /** Bytes of rows after which a message to or from a host is full. */
  hostedBatchBytesComfortable: 1024 * 1024,
  /** Rows a host returns for one question. */
  hostedCandidatesMax: 2048,
  /** Rows in one page of versions. */
  hostedVersionsMax: 16_384,
  /** A sealed header: 16 bytes for every row removed since the key is in use, and little else. */
  hostedHeaderBytesMax: 1_200_000,
  /** Members that may read one hosted collection. */
  readersMax: 512,
  grantBytesMax: 4096,
  /** Answers of a hosted `double` collection whose rows may still be fetched, of one session. */
  hostedScoresKept: 16,
  /** Ids of one party in an alignment. */
  alignIdsMax: 1_048_576,
  /** Group elements in one message of an alignment; a party is busy with them for a tenth of a second. */
  alignPagePointsMax: 512,
  alignPartiesMax: 16,
  alignInvitationBytesMax: 2048,
  /** Rows in one message of a training run: a batch, or a page of an evaluation. As float32 of 64 entries they are half a frame. */
  trainingRowsMax: 32_768,
  /** Length of a code in training. */
  trainingBitsMax: 64,
  /** Width, and number, of a bottom model's hidden layers: what a trainer can make a party hold. */
  trainingWidthMax: 4096,
  trainingLayersMax: 8,
  trainingRunLengthMax: 128,
  /** Weights of a bottom model: with Adam and two checkpoints twenty bytes each. */
  trainingWeightsMax: 4 * 1024 * 1024,
  /** Runs for which one party process keeps models. */
  trainingRunsMax: 64,
  /** Prototypes that a party's summary may have. */
  routingPrototypesMax: 64,
  /** Bytes of a code that parties are ranked by. */
  routingCodeBytes: 32,
  /** Entities in one request for codes. */
  codesPerRequestMax: 1024,
  /** Length of a code that is served. */
  codeBitsMax: 64,
  /** UTF-16 units of an entity's id. */
  entityIdLengthMax: 256,
  /** Entities of which one querier may ever read codes from a party, unless its operator says otherwise: codes of all entities are all that was ever released of them. */
  codesPerQuerierDefault: 10_000,
} as const;
