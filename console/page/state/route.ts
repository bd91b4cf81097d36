import { signal } from "@preact/signals";

export const views = ["ask", "receipts", "collections", "federation", "security"] as const;
export type View = (typeof views)[number];

export interface Place {
  readonly view: View;
  /** What of the view is shown. */
  readonly detail: string;
}

export const place = signal<Place>(read());

addEventListener("hashchange", () => {
  place.value = read();
});

function read(): Place {
  const [, name = "", detail = ""] = location.hash.split("/");
  const view = views.find((one) => one === name) ?? "ask";
  return { view, detail: decodeURIComponent(detail) };
}

export function address(view: View, detail = ""): string {
  return detail === "" ? `#/${view}` : `#/${view}/${encodeURIComponent(detail)}`;
}

export function go(view: View, detail = ""): void {
  location.hash = address(view, detail);
}
