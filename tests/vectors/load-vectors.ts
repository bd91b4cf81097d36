import { readFileSync } from "node:fs";

/**
 * A file of known answers: `origin`, and lists of cases by name.
 *
 * @throws Error when the file says no origin, or a list is missing or empty: a test over no cases would pass.
 */
export function loadVectors<Cases extends Record<string, readonly object[]>>(file: URL, lists: readonly (keyof Cases & string)[]): Cases {
  const content = JSON.parse(readFileSync(file, "utf8")) as Partial<Cases> & { origin?: string };
  if (!content.origin) throw new Error(`${file.pathname} does not say where its answers come from`);
  for (const list of lists) if (!content[list]?.length) throw new Error(`${file.pathname} holds no cases of ${list}`);
  return content as Cases;
}
