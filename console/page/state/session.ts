import { signal } from "@preact/signals";
import type { Overview, Session } from "../../api.ts";

/*
 * The token is this tab's: sessionStorage belongs to one origin, port included, and goes with the tab.
 */

const KEY = "sotto.token";

export type Access =
  | { readonly state: "entering" }
  | { readonly state: "in"; readonly overview: Overview }
  /** `detail`: why a code was refused; not set for somebody who came without one. */
  | { readonly state: "locked"; readonly detail?: string }
  | { readonly state: "gone" };

export const access = signal<Access>({ state: "entering" });

let token = sessionStorage.getItem(KEY);

/** The header that every request carries. */
export function authorization(): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** The node does not know this tab, any more or yet. */
export function lock(detail?: string): void {
  token = null;
  sessionStorage.removeItem(KEY);
  access.value = { state: "locked", ...(detail === undefined ? {} : { detail }) };
}

/** The node does not answer. */
export function loseNode(): void {
  if (access.value.state !== "locked") access.value = { state: "gone" };
}

/** A link that is opened in a tab which has the page already changes nothing but the fragment. */
addEventListener("hashchange", () => {
  if (codeOf(location.hash) !== null) void enter();
});

const codeOf = (fragment: string): string | null => new URLSearchParams(fragment.slice(1)).get("code");

/** Exchanges the code in the address, if there is one, and takes it out of the address and the history. */
export async function enter(): Promise<void> {
  access.value = { state: "entering" };
  const code = codeOf(location.hash);
  if (code !== null) history.replaceState(null, "", "/");
  try {
    if (code !== null && !(await redeem(code))) return;
    if (token === null) {
      lock();
      return;
    }
    const response = await fetch("/api/overview", { headers: authorization() });
    if (response.ok) access.value = { state: "in", overview: (await response.json()) as Overview };
    else lock();
  } catch {
    loseNode();
  }
}

async function redeem(code: string): Promise<boolean> {
  const response = await fetch("/api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
  if (!response.ok) {
    lock(((await response.json()) as { detail: string }).detail);
    return false;
  }
  ({ token } = (await response.json()) as Session);
  sessionStorage.setItem(KEY, token);
  return true;
}
