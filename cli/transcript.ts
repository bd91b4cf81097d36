import { closeSync, fchmodSync, openSync, writeSync } from "node:fs";
import type { FrameObserver, SeenFrame } from "../protocol/index.ts";

/** One line of a transcript file. */
export interface TranscriptLine extends Omit<SeenFrame, "message" | "payload"> {
  /** Base64 of the message as this process saw it. */
  readonly payload: string;
}

/**
 * Records every message this process sends and receives, as it sees them after hop decryption: JSON lines, mode 0600. For audits, tests and the
 * security evaluation; a transcript of a node holds what that node knows.
 */
export function openTranscript(path: string): { readonly observer: FrameObserver; readonly close: () => void } {
  const file = openSync(path, "w", 0o600);
  fchmodSync(file, 0o600);
  return {
    observer: ({ message: _, payload, ...frame }) => {
      const line: TranscriptLine = { ...frame, payload: Buffer.from(payload).toString("base64") };
      writeSync(file, `${JSON.stringify(line)}\n`);
    },
    close: () => {
      closeSync(file);
    },
  };
}
