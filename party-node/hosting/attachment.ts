import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { decodeValue, encodeValue, hostedScoring, limits, memberName } from "../../protocol/index.ts";

const byteString = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const schema = z.strictObject({
  version: z.literal(1),
  scoring: hostedScoring.nullable(),
  /** Drawn with every header, not counted: a host put back from a backup must not give a number to two of them. 0 before the first. */
  revision: z.int().min(0),
  /** Sealed by the owner for its readers; empty until the collection is filled. */
  header: byteString,
  grants: z.array(z.strictObject({ member: memberName, grant: byteString })).max(limits.readersMax),
});

/** What a host keeps with a collection beside its rows. */
export type Attachment = z.infer<typeof schema>;

export function packAttachment(attachment: Attachment): Uint8Array {
  return encodeValue(attachment);
}

/** @throws Fault STORE_DAMAGED. */
export function unpackAttachment(bytes: Uint8Array): Attachment {
  try {
    return decodeValue(schema, bytes);
  } catch (cause) {
    throw new Fault("STORE_DAMAGED", "what is kept with a hosted collection cannot be read", cause);
  }
}
