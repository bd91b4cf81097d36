import { readFileSync } from "node:fs";
import { z } from "zod";
import { Fault } from "../../crypto/fault.ts";
import type { ModelFaultCode } from "./faults.ts";

export const MODEL_LIMITS = { files: 64, fileBytes: 20 * 2 ** 30, manifestBytes: 2 ** 20 } as const;

/** Relative, forward slashes, no segment that begins with a dot: it stays inside the model's folder. */
const PATH = /^[A-Za-z0-9_][\w.-]*(\/[A-Za-z0-9_][\w.-]*)*$/;

const fileSchema = z.strictObject({
  path: z.string().regex(PATH),
  url: z.url({ protocol: /^https?$/ }),
  bytes: z.int().min(1).max(MODEL_LIMITS.fileBytes),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifestSchema = z.strictObject({
  name: z.string().regex(/^\w[\w.-]{0,99}$/),
  files: z.array(fileSchema).min(1).max(MODEL_LIMITS.files),
});

/** One file of a model: where it goes in the model's folder, where it comes from, and what it must be. */
export interface ModelFile {
  readonly path: string;
  readonly url: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface ModelManifest {
  readonly name: string;
  readonly files: readonly ModelFile[];
}

/**
 * Reads a manifest that a person wrote: `{"name": "...", "files": [{"path", "url", "bytes", "sha256"}]}`.
 *
 * @throws Fault BAD_MANIFEST.
 */
export function readManifest(file: string): ModelManifest {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Fault<ModelFaultCode>(
      "BAD_MANIFEST",
      `${file} cannot be read as JSON; check the path and its content.`,
      cause,
    );
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = issue.path.length > 0 ? `at ${issue.path.join(".")}` : "at the top";
  throw new Fault<ModelFaultCode>(
    "BAD_MANIFEST",
    `${file} is no model manifest, ${where}: ${issue.message}; correct it.`,
  );
}
