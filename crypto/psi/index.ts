export { type HelperFaultCode, commonPositions } from "./common-positions.ts";
export { type IntersectionFaultCode, type IntersectionOptions, IntersectingParty } from "./intersecting-party.ts";
export { type PointFaultCode, type Ristretto, POINT_BYTES, loadRistretto, pointFault } from "./ristretto.ts";
