/** As shells have it for what wrote to a pipe that nobody reads any more: 128 + SIGPIPE. */
const EXIT_UNREAD = 141;

/**
 * Ends the process without a word once nobody reads its standard output, as with `| head`. Standard error may be closed without an end: what a person would have been told is lost,
 * the work is not.
 */
export function endUnread(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(EXIT_UNREAD);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
