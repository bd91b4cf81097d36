import { z } from "zod";
import { limits } from "./limits.ts";

/** Where in its document a passage is, for a citation; what is not known is not set. */
export interface PassageLocation {
  /** For people: "page 3", "slide 2", "Dosage > Renal", "rows 2-40". */
  readonly place?: string;
  /** Where the passage begins in the document's extracted text, in UTF-16 code units from 0. */
  readonly offset?: number;
}

/** {@link PassageLocation} as fields of a schema. */
export const locationFields = {
  place: z.string().min(1).max(limits.placeLengthMax).exactOptional(),
  offset: z.int().min(0).max(0xffffffff).exactOptional(),
};

/** The location alone, with no key for what is not set. */
export function locationOf({ place, offset }: PassageLocation): PassageLocation {
  return { ...(place === undefined ? {} : { place }), ...(offset === undefined ? {} : { offset }) };
}
