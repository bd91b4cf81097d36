export { type AgreedEndpoint, EndpointAgreements } from "./agreement.ts";
export { type Answer, type AnswerEvent, type AnswerOptions, answerQuestion } from "./answer.ts";
export { readApiKey } from "./api-key-file.ts";
export { type Endpoint, type ReachOptions, type ReachedEndpoint, parseEndpoint, reachEndpoint } from "./endpoint.ts";
export type { AnswerFaultCode } from "./faults.ts";
export { answerLimits } from "./limits.ts";
export type { PromptPassage } from "./prompt.ts";
export { CANDIDATES_PER_PASSAGE, reranked } from "./reranked.ts";
export { type CheckedCitation, type CitationFlag, checkCitations } from "./support.ts";
