export { alignedDocuments } from "./aligned-documents.ts";
export {
  type Alignment,
  type AlignmentFaultCode,
  type AlignmentName,
  alignmentOf,
  claimAlignment,
  makeAlignment,
  readAlignment,
} from "./alignment.ts";
export { type LastAskedFaultCode, LastAsked } from "./last-asked.ts";
export { type Share, type ShareMakerOptions, type SharedQueryBody, ShareMaker } from "./share-maker.ts";
