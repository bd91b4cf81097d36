export { type AlignFaultCode, AlignService, type AlignServiceOptions } from "./align-service.ts";
export {
  type AlignPartiesFaultCode,
  type AlignPartiesOptions,
  type AlignmentResult,
  alignParties,
} from "./align-parties.ts";
export { writeAlignedIds } from "./aligned-ids.ts";
export { type EntityIdsFaultCode, readEntityIds } from "./entity-ids.ts";
