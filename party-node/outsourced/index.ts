export {
  type CollectionAnswer,
  CollectionReader,
  type CollectionReaderOptions,
  type RankedPassage,
} from "./collection-reader.ts";
export type { OutsourcedFaultCode } from "./faults.ts";
export { type GrantedCollections, grantedCollections } from "./granted-collections.ts";
export { SeenSequences } from "./seen-sequences.ts";
export { CollectionOwner, type CollectionOwnerOptions } from "./collection-owner.ts";
export { type ProfileSource, measureCollection, measureProfile, profileSample } from "./collection-profile.ts";
export { HostConnection, type HostConnectionOptions } from "./host-connection.ts";
export { type PublishProgress, type PublishReport } from "./publish.ts";
