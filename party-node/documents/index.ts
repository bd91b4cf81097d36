export type { DocumentEvent, Problem, ProblemReason, SourceDocument } from "./document.ts";
export { FILE_BYTES_MAX, ID_LENGTH_MAX, LINE_BYTES_MAX } from "./document.ts";
export type { Root } from "./find-documents.ts";
export { DOCUMENT_ENDINGS, findRoots } from "./find-documents.ts";
export type { Passage } from "./passage.ts";
export { encoderInput } from "./passage.ts";
export { readDocuments } from "./read-documents.ts";
export { PASSAGE_LENGTH_MAX, split } from "./split.ts";
