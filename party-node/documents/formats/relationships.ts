import { posix } from "node:path";
import type { Archive } from "./archive.ts";
import { walkXml } from "./xml.ts";

export interface Relationship {
  /** The last word of its type: `slide`, `notesSlide`. */
  readonly type: string;
  /** Name of a file in the archive. */
  readonly target: string;
}

/** What a file of an Office document refers to, by id; nothing where it refers to nothing. */
export async function relationshipsOf(archive: Archive, file: string): Promise<Map<string, Relationship>> {
  const relationships = new Map<string, Relationship>();
  const folder = posix.dirname(file);
  const source = await archive.text(`${folder}/_rels/${posix.basename(file)}.rels`);
  if (source !== null)
    walkXml(source, {
      open: (name, { Id = "", Type = "", Target = "", TargetMode }) => {
        if (name !== "Relationship" || TargetMode === "External") return;
        const target = Target.startsWith("/") ? Target.slice(1) : posix.join(folder, Target);
        relationships.set(Id, { type: posix.basename(Type), target });
      },
    });
  return relationships;
}
