export { type AlignAnswer, type AlignRequest, alignRequests } from "./align-messages.ts";
export {
  type BlockRecord,
  type DescribedBlock,
  blockVersion,
  descriptionHash,
  manifestRecords,
} from "./block-version.ts";
export {
  type AcceptOptions,
  type ConnectionOptions,
  type DialOptions,
  type FrameObserver,
  type SeenFrame,
  SecureConnection,
  accept,
  dismiss,
  dial,
  handshakeContext,
  isMember,
} from "./connection.ts";
export { type CodeAnswer, type CodeRequest, codeRequests } from "./code-messages.ts";
export { decodeEndToEndMessage, decodeHopMessage, decodeValue, encodeValue } from "./codec.ts";
export type { ProtocolFaultCode } from "./faults.ts";
export { type Federation, type KnownMembers, openFederation } from "./federation.ts";
export { offerRevision, takeUpFederation } from "./federation-exchange.ts";
export {
  type FederationDraft,
  type FederationLog,
  mergeLogs,
  readFederation,
  signFederation,
  withChanges,
  withClaim,
  writeFederation,
} from "./federation-file.ts";
export {
  type Change,
  type Claim,
  type FounderAction,
  changeSchema,
  claimSchema,
  entryHash,
  hashOf,
  signChange,
  signClaim,
} from "./federation-log.ts";
export type { FederationState, Invitation } from "./federation-state.ts";
export {
  type FederationMember,
  type FederationTerms,
  type Role,
  fromBase64,
  roleNames,
  toBase64,
  verticalParties,
} from "./federation-terms.ts";
export {
  type Established,
  type HandshakeContext,
  type Identity,
  Initiator,
  PROTOCOL_VERSION,
  Responder,
} from "./handshake.ts";
export { HASH_BYTES, memberName } from "./fields.ts";
export { type Handle, packHandleList, packHandles, unpackHandles } from "./handles.ts";
export type { HostAnswer, HostRequest, HostedScoring } from "./host-messages.ts";
export { hostRequests, hostedScoring } from "./host-messages.ts";
export {
  type InvitationToken,
  INVITATION_PREFIX,
  invitationKey,
  invitedView,
  readInvitation,
  writeInvitation,
} from "./invitation-token.ts";
export { limits } from "./limits.ts";
export { PASSAGES_LIMITED, passageLimitOf, passageLimitReason } from "./passage-limit.ts";
export {
  type AnswerBody,
  type BlockManifest,
  type EndToEndMessage,
  type HopMessage,
  type OpenedPassage,
  type PassageStatement,
  type QueryBody,
  type ShareNote,
  CHECK_KEY_BOX_BYTES,
  answerBody,
  blockManifest,
  messageLimits,
  openedPassage,
  passageDelivery,
  passageStatement,
  queryBody,
  scoreList,
  shareBody,
  shareNote,
} from "./messages.ts";
export { packFloats, packIndices, packSigns, unpackFloats, unpackIndices, unpackSigns } from "./packed-numbers.ts";
export { type PassageLocation, locationFields, locationOf } from "./passage-location.ts";
export {
  type CommittedPassage,
  type PassageContent,
  passageItems,
  passageLeaf,
  passagePath,
  passageRoot,
  rootOfPath,
} from "./passage-tree.ts";
export { type RoutingAnswer, type RoutingRequest, routingRequests } from "./routing-messages.ts";
export { type ScoredBlock, SCORED_BLOCK_BYTES, packScoredBlocks, unpackScoredBlocks } from "./scored-blocks.ts";
export { type PackedRow, packSealedRows, packedRowBytes, unpackSealedRows } from "./sealed-rows.ts";
export { SecureChannel } from "./secure-channel.ts";
export { type SignaturePurpose, openSigned, seal } from "./signed.ts";
export { type TlsCertificate, checkAuthority, checkTlsCertificate } from "./tls.ts";
export { type TrainingAnswer, type TrainingRequest, trainingRequests } from "./training-messages.ts";
export { type Carrier, type Connect, type MessageSocket, socketOptions } from "./transport.ts";
