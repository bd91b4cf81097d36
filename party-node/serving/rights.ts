import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Logger } from "pino";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { limits, memberName } from "../../protocol/index.ts";

/**
 * - RIGHTS_MALFORMED: the file of who may ask is damaged.
 * - NOT_ALLOWED: the party's operator does not let this querier ask.
 */
export type RightsFaultCode = "RIGHTS_MALFORMED" | "NOT_ALLOWED";

export const NOT_ALLOWED_REASON = "this party does not let you ask; its operator can (`sotto rights set`)";

/** How often a running node looks whether its rights were changed. */
const LOOK_MS = 500;
export const RIGHTS_DAYS_MAX = 36_500;
export const RIGHTS_QUESTIONS_MAX = 1_000_000_000;

const rightSchema = z.strictObject({
  mayQuery: z.boolean(),
  /** Questions answered in `days`; null for as many as the node's own setting says. */
  questions: z.union([z.int().min(1).max(RIGHTS_QUESTIONS_MAX), z.literal("none"), z.null()]),
  /** Days after which a question no longer counts; null for the node's own setting. */
  days: z.int().min(1).max(RIGHTS_DAYS_MAX).nullable(),
  /** Most passages of one question that are handed out. */
  passages: z.int().min(0).max(limits.fetchHandlesMax),
});
/** What a querier may have of the collection that a party serves itself. */
export type Right = Readonly<z.infer<typeof rightSchema>>;

const rightsSchema = z.strictObject({
  version: z.literal(1),
  /** Of every querier that is not listed. */
  default: rightSchema,
  members: z.record(memberName, rightSchema),
});

export interface Rights {
  readonly default: Right;
  /** In place of the default, by the member's name. */
  readonly members: ReadonlyMap<string, Right>;
}

/** Of every querier where there is no file. */
export const RIGHT_DEFAULT: Right = { mayQuery: true, questions: null, days: null, passages: limits.fetchHandlesMax };

export function rightOf({ default: everybody, members }: Rights, querier: string): Right {
  return members.get(querier) ?? everybody;
}

/** @returns Null when there is no file. @throws Fault RIGHTS_MALFORMED. */
export function readRights(path: string): Rights | null {
  return parseRights(path, textOf(path));
}

/** Null when there is no file; empty, which is no rights, when it cannot be read. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? null : "";
  }
}

function parseRights(path: string, text: string | null): Rights | null {
  if (text === null) return null;
  try {
    const { default: everybody, members } = rightsSchema.parse(JSON.parse(text));
    return { default: everybody, members: new Map(Object.entries(members)) };
  } catch (cause) {
    throw new Fault<RightsFaultCode>(
      "RIGHTS_MALFORMED",
      `${path}, which says who may ask, is damaged or cannot be read; restore it, or remove it and say it again with \`sotto rights set\``,
      cause,
    );
  }
}

/** Replaces the file, whole or not at all, and returns once it is on the disk. */
export function writeRights(path: string, { default: everybody, members }: Rights): void {
  const file = { version: 1, default: everybody, members: Object.fromEntries(members) };
  const unfinished = `${path}.${String(process.pid)}.new`;
  writeFileSync(unfinished, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(unfinished, path);
}

/** Who may ask a running party, as its file says now. */
export class QuerierRights {
  readonly #path: string;
  /** The file as it was looked at last. */
  #text: string | null;
  #rights: Rights | null;

  /** @throws Fault RIGHTS_MALFORMED. */
  constructor(path: string) {
    this.#path = path;
    this.#text = textOf(path);
    this.#rights = parseRights(path, this.#text);
  }

  /** Members listed; null when there is no file. */
  get listed(): number | null {
    return this.#rights?.members.size ?? null;
  }

  of(querier: string): Right {
    return this.#rights ? rightOf(this.#rights, querier) : RIGHT_DEFAULT;
  }

  /** @throws Fault NOT_ALLOWED. */
  check(querier: string): void {
    if (!this.of(querier).mayQuery) throw new Fault<RightsFaultCode>("NOT_ALLOWED", NOT_ALLOWED_REASON);
  }

  /**
   * Takes up every change of the file. One that cannot be read, or is gone, changes nothing and is said in the log: who was kept out stays out.
   *
   * @param onTaken - Told how many members are listed now.
   * @param lookMs - How often to look.
   * @returns Ends it.
   */
  follow(log: Logger, onTaken: (members: number) => void, lookMs = LOOK_MS): () => void {
    const timer = setInterval(() => {
      this.#look(log, onTaken);
    }, lookMs).unref();
    return () => {
      clearInterval(timer);
    };
  }

  #look(log: Logger, onTaken: (members: number) => void): void {
    const text = textOf(this.#path);
    if (text === this.#text) return;
    this.#text = text;
    try {
      const rights = parseRights(this.#path, text);
      if (!rights) {
        log.error({ code: "RIGHTS_MISSING" }, "the file of rights is gone; the last rights stay");
        return;
      }
      this.#rights = rights;
      log.info({ members: rights.members.size }, "rights changed");
      onTaken(rights.members.size);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      log.error({ code: error.code, reason: error.message }, "the rights were not taken up; the last ones stay");
    }
  }
}
