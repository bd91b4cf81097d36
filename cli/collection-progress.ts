import { SingleBar, Presets } from "cli-progress";
import { Fault } from "../crypto/index.ts";
import type { PublishReport } from "../party-node/outsourced/index.ts";
import type { OwnedCollection } from "./owned-collection.ts";
import { onStop } from "./supervision.ts";

/**
 * Brings the host up to date, or changes the key, with a bar on a terminal. Ends at Ctrl-C between two messages: the next run goes on.
 *
 * @throws Fault as CollectionOwner.publish; ABORTED, or the reason of a signal that was given, after Ctrl-C.
 */
export async function publishWithProgress(
  { owner }: OwnedCollection,
  what: "publish" | "rotate",
  signal = stopSignal(owner.entry.name),
): Promise<PublishReport> {
  const bar = new SingleBar(
    {
      format: "  sealing  {bar} {percentage}%  {value}/{total} rows",
      stream: process.stderr,
      hideCursor: true,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  const show = process.stderr.isTTY && !process.connected;
  if (show) bar.start(1, 0);
  try {
    return await owner[what]({
      signal,
      onProgress: ({ done, total }) => {
        if (!show) return;
        bar.setTotal(total);
        bar.update(done);
      },
    });
  } finally {
    bar.stop();
  }
}

/** What a run did at the host, in a line. */
export function publishedInWords({ put, removed, rows, tooLarge, lost }: PublishReport, host: string): string {
  const extra = [
    ...(lost > 0 ? [`${String(lost)} rows had vanished there and were put again: ask its operator why`] : []),
    ...(tooLarge > 0 ? [`${String(tooLarge)} passages are larger than a host takes and were left out`] : []),
  ];
  return `${host} has ${String(rows)} rows: ${String(put)} sealed and sent, ${String(removed)} removed${extra.map((line) => `\n${line}`).join("")}\n`;
}

function stopSignal(name: string): AbortSignal {
  const stop = new AbortController();
  onStop(() => {
    stop.abort(
      new Fault("ABORTED", `stopped; what was sent stays, and \`sotto collection rotate ${name}\` goes on from there`),
    );
  });
  return stop.signal;
}
