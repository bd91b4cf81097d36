/**
 * Every limit of the protocol in one place. Receivers enforce them before they take memory; senders stay below them.
 * A limit that a federation can change is in its signed file instead. docs/limits.md is made from this file (`scripts/limits-docs.ts`); `@by` says who
 * enforces a limit. Peers are not trusted with it: where it says party or querier, a coordinator that lets everything through changes nothing.
 */
export const limits = {
  /** One WebSocket message. A query of 8,192 dimensions at c = 8 is 8.1 MB; an answer of a million rows is 1.8 MB. @by both ends */
  frameBytesMax: 16 * 1024 * 1024,
  /** WebSocket fragments of one message; ours have one, others may cut at 16 KiB. @by both ends */
  frameFragmentsMax: 1024,
  /** Pieces in which the bytes of a frame may arrive, counted while it is incomplete: a peer that writes byte by byte would take a hundred times the frame. @by both ends */
  frameChunksMax: 262_144,
  /** CBOR items in one message: 512 descriptions of blocks have ten each, 1,024 hosted collections seven. @by both ends */
  messageItemsMax: 16_384,
  /** CBOR items in a file of this node's own, or a header that a collection's owner has sealed: a cache of hints holds the blocks of a whole party. @by whoever reads it */
  fileItemsMax: 1024 * 1024,
  /** A message before the peer is authenticated. @by both ends */
  handshakeBytesMax: 4096,
  /** Claims in a proof: who was away while the other side replaced its key more often needs its file. @by both ends */
  handshakeClaimsMax: 5,
  /** A proof in it: a name, a signature and an authenticator have 180, five claims 2,500. @by both ends */
  handshakeProofBytesMax: 3584,
  /** Bytes of a peer that is not authenticated yet, counted as they arrive, before a frame is put together: three messages, their frames and TLS around them. @by both ends */
  strangerBytesMax: 32 * 1024,
  /** From opening the socket to the finished handshake. @by both ends */
  handshakeTimeoutMs: 10_000,
  /** Sockets that have not finished the handshake, at the coordinator; one more ends the oldest. @by coordinator */
  handshakesMax: 256,
  /** Authenticated connections at the coordinator. @by coordinator */
  connectionsMax: 1024,
  /** Connections of one member at the same time. @by coordinator */
  connectionsPerMemberMax: 64,
  /** Members of a federation: names in a roster and in a query. @by whoever reads the file */
  membersMax: 1024,
  /** Characters of a federation file: as many entries as are allowed have 300 to 500 each. @by both ends */
  federationFileMax: 2 * 1024 * 1024,
  /** Changes that a founder has logged; each of a thousand members twice. @by whoever reads the file */
  federationChangesMax: 2048,
  /** What members have entered into the log themselves: who joined by invitation, keys that were replaced. @by whoever reads the file */
  federationClaimsMax: 1024,
  /** Of them, one on top of the other, of one member: it cannot fill the log for the others. The founder removes and adds it to begin again. @by whoever reads the file */
  keyReplacementsMax: 64,
  /** A claim in a message: two keys, two signatures, a name and a time have 480 bytes. @by both ends */
  claimBytesMax: 640,
  /** Characters of an invitation: keys of a few coordinators and an address. @by whoever is invited */
  invitationLengthMax: 8192,
  /** Messages that may arrive before their receiver is ready to look at them. @by both ends */
  earlyMessagesMax: 64,
  /** Unsent bytes to one peer above which the sender waits, where it can. @by sender */
  sendQueueBytesComfortable: 4 * 1024 * 1024,
  /** From telling a peer that it is closed to closing it. @by both ends */
  closeGraceMs: 500,
  /** For sending what is queued before an orderly close. @by both ends */
  closeFlushMs: 5000,
  /** Unsent bytes to one peer before it is dropped as too slow. @by sender */
  sendQueueBytesMax: 128 * 1024 * 1024,
  /** Unsent bytes to one peer above which the coordinator takes nothing more for it from others, who are told so: no member can have another dropped by flooding it. @by coordinator */
  sendQueueBytesFair: 64 * 1024 * 1024,
  /** Between two signs of life of a peer. @by both ends */
  heartbeatMs: 15_000,
  /** Queries of one connection that wait for answers. @by coordinator */
  queriesInFlightMax: 64,
  /** Parties of a vertical federation; as many as can be aligned. @by whoever reads the file */
  verticalPartiesMax: 16,
  /** Entities of a vertical federation: their sum, four bytes each, fits in one frame with every party's list of blocks of 32 rows. @by party */
  verticalPositionsMax: 1_000_000,
  /** Bytes of shares and their sums that a coordinator holds for all queries; one that would take more is ended. @by coordinator */
  totalBytesHeldMax: 512 * 1024 * 1024,
  /** What a signed share has beside its list of blocks: hashes, seed, signature, seal. @by coordinator */
  shareEnvelopeBytesMax: 1024,
  /** Sessions of one querier connection with parties. @by coordinator */
  sessionsPerConnectionMax: 1024,
  /** Longest a query may take; the querier chooses less. @by coordinator, party */
  queryDeadlineMsMax: 300_000,
  /** Deadline of a query whose querier names none: three times what a party of a million rows takes on two cores, and room for waiting. @by querier */
  queryDeadlineMsDefault: 30_000,
  /** Handles in one fetch; every fetch is padded to this many. @by party, querier */
  fetchHandlesMax: 32,
  /** UTF-16 code units of a passage's place in its document: "page 3", a path of headings. @by both ends */
  placeLengthMax: 512,
  /** Answers to a fetch are padded to a multiple of this. @by party, querier */
  passagePadBytes: 32 * 1024,
  /** Block descriptions in one message; a larger collection takes several. @by querier */
  blocksPerMessageMax: 512,
  /** Blocks of one party that a querier is prepared to know. @by party, querier */
  blocksPerPartyMax: 65_536,
  /** Blocks a party no longer has that a querier keeps, for answers under way; others are downloaded again if an answer names them. @by querier */
  pastBlocksMax: 1024,
  /** Replaced blocks a party can still describe and hand out passages of, for answers under way; a hint and 160 KiB each. @by party */
  replacedBlocksMax: 1024,
  /** How long a party remembers a query whose passages may be fetched. @by party */
  fetchWindowMs: 120_000,
  /** Times that the passages of one query may be fetched, always the same rows: more than once only where an answer was lost with its connection. @by party */
  fetchesPerQueryMax: 4,
  /** Answered queries of one querier whose passages may still be fetched. @by party */
  fetchableQueriesMax: 256,
  /** Queries a party works on or keeps waiting; more are told to come back. @by party */
  queriesQueuedMax: 64,
  /** Of them, of one querier. @by party */
  queriesQueuedPerQuerierMax: 8,
  /** Longest time after which a busy party may ask a querier to come back. @by party, querier */
  retryAfterMsMax: 300_000,
  /** How far a query's time may be from the party's clock; within it a query is answered once. @by party */
  queryClockSkewMsMax: 300_000,
  /** Bytes of a signed query around its ciphertext. @by coordinator */
  queryEnvelopeBytesMax: 512,
  /** Requests of one end-to-end session that wait for their turn. @by party */
  requestsQueuedMax: 32,
  /** Bytes of the requests of one querier, in all its sessions through one coordinator, that wait for their turn: two frames. @by party */
  requestBytesQueuedMax: 32 * 1024 * 1024,
  /** End-to-end sessions a party holds with all queriers through one coordinator. @by party */
  partySessionsMax: 1024,
  /** Of them, with one querier. @by party */
  partySessionsPerQuerierMax: 64,
  /** Between attempts of a party to reach a coordinator, doubled from the first to the second, with jitter. @by party */
  reconnectMsMin: 250,
  /** The longest of these pauses. @by party */
  reconnectMsMax: 30_000,
  /** Coordinators of a federation: every party keeps a connection to each. @by whoever reads the file */
  coordinatorsMax: 8,
  /** From dialling one coordinator to dialling the next of the list as well, if none has answered: on a good line one answers in a tenth of it. @by querier */
  hedgeMs: 1000,
  /** Times that one question is asked: each spends a query key here and, where it arrives, one of the party's budget for this querier. @by querier */
  queryAttemptsMax: 4,
  /** Longest pause before a question is asked a second time after its connection was lost, doubled with each further time, of which a random part is waited: all queriers of a coordinator lose it at once. @by querier */
  retryMsMin: 250,
  /** Files of evidence against others that a node keeps: a party that lies all the time must not fill its disk. @by querier */
  evidenceFilesMax: 256,
  /** UTF-8 bytes of a question. @by querier */
  questionBytesMax: 16_384,
  /** Characters of a member's name: one label of a host name, safe in file names. @by everybody */
  nameLengthMax: 63,
  /** Collections of others that one host keeps. @by host, member */
  hostedCollectionsMax: 1024,
  /** Entries of a hosted vector. @by host */
  hostedDimMax: 8192,
  /** Rows of one hosted collection that an owner is prepared to hear of. @by owner */
  hostedRowsMax: 16_777_216,
  /** Rows in one message to or from a host. @by host, member */
  hostedBatchRowsMax: 4096,
  /** Bytes of rows after which a message to or from a host is full. @by sender */
  hostedBatchBytesComfortable: 1024 * 1024,
  /** Rows a host returns for one question. @by host, member */
  hostedCandidatesMax: 2048,
  /** Rows in one page of versions. @by host, owner */
  hostedVersionsMax: 16_384,
  /** A sealed header: 16 bytes for every row removed since the key is in use, and little else. @by host, member */
  hostedHeaderBytesMax: 1_200_000,
  /** Members that may read one hosted collection. @by host, owner */
  readersMax: 512,
  /** A grant: a signed, sealed key entry, about 900 bytes. @by host, member */
  grantBytesMax: 4096,
  /** Answers of a hosted `double` collection whose rows may still be fetched, of one session. @by host */
  hostedScoresKept: 16,
  /** Ids of one party in an alignment. @by party, helper */
  alignIdsMax: 1_048_576,
  /** Group elements in one message of an alignment; a party is busy with them for a tenth of a second. @by party, helper */
  alignPagePointsMax: 512,
  /** Parties of an alignment: each raises the sets of all others. @by party, helper */
  alignPartiesMax: 16,
  /** What the first party of an alignment says to another, sealed. @by party, helper */
  alignInvitationBytesMax: 2048,
  /** Rows in one message of a training run: a batch, or a page of an evaluation. As float32 of 64 entries they are half a frame. @by party, trainer */
  trainingRowsMax: 32_768,
  /** Length of a code in training. @by party, trainer */
  trainingBitsMax: 64,
  /** Width of a bottom model's hidden layers: what a trainer can make a party hold. @by party */
  trainingWidthMax: 4096,
  /** Hidden layers of a bottom model. @by party */
  trainingLayersMax: 8,
  /** Characters of a run's name, which is part of file names. @by party */
  trainingRunLengthMax: 128,
  /** Weights of a bottom model: with Adam and two checkpoints twenty bytes each. @by party */
  trainingWeightsMax: 4 * 1024 * 1024,
  /** Runs for which one party process keeps models. @by party */
  trainingRunsMax: 64,
  /** Prototypes that a party's summary may have. @by querier */
  routingPrototypesMax: 64,
  /** Bytes of a code that parties are ranked by. @by querier */
  routingCodeBytes: 32,
  /** Entities in one request for codes. @by party, querier */
  codesPerRequestMax: 1024,
  /** Length of a code that is served. @by party, querier */
  codeBitsMax: 64,
  /** UTF-16 units of an entity's id. @by party */
  entityIdLengthMax: 256,
  /** Entities of which one querier may ever read codes from a party, unless its operator says otherwise: codes of all entities are all that was ever released of them. @by party */
  codesPerQuerierDefault: 10_000,
} as const;
