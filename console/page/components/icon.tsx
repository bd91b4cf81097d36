import type { JSX } from "preact";

/** Drawn on a grid of 24, in the colour of the text. */
const PATHS = {
  ask: "M20 12a7.5 7.5 0 0 1-7.5 7.5c-1.2 0-2.4-.3-3.4-.8L4 20l1.4-4.6A7.5 7.5 0 1 1 20 12Z",
  receipts: "M6 3.5h12v17l-2.4-1.7-2.4 1.7-2.4-1.7-2.4 1.7L6 20.5v-17ZM9.5 8.5h5M9.5 12.5h5",
  collections: "M4 6.5A2 2 0 0 1 6 4.5h3.6l2 2.5H18a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-11Z",
  federation:
    "M12 8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM5.5 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM18.5 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM10.7 8.2 6.8 15.8M13.3 8.2l3.9 7.6M8 18h8",
  security: "M12 3.5 5 6v5.5c0 4.3 2.9 7.4 7 9 4.1-1.6 7-4.7 7-9V6l-7-2.5ZM9 12l2.2 2.2L15.2 10",
  lock: "M7 10.5V8a5 5 0 0 1 10 0v2.5M6 10.5h12v9H6z",
  open: "M7 10.5V8a5 5 0 0 1 9.6-1.9M6 10.5h12v9H6z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  moon: "M20 14.2A8.2 8.2 0 0 1 9.8 4a8.2 8.2 0 1 0 10.2 10.2Z",
  check: "m5.5 12.5 4.2 4.2L18.5 8",
  alert: "M12 8.5v4.5M12 16.3v.2M12 3.8 2.9 19.5h18.2L12 3.8Z",
  minus: "M6.5 12h11",
  close: "m6.5 6.5 11 11M17.5 6.5l-11 11",
  left: "m14.5 6-6 6 6 6",
  right: "m9.5 6 6 6-6 6",
  up: "M12 19V6M6.5 11 12 5.5l5.5 5.5",
  down: "M12 5v13M6.5 13l5.5 5.5 5.5-5.5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 14.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z",
  hidden:
    "M4 4l16 16M9.9 5.8A9.6 9.6 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-2.6 3.4M6.4 7.4A16 16 0 0 0 2.5 12S6 18.5 12 18.5c1.6 0 3-.4 4.2-1.1",
  file: "M7 3.5h7l4 4v13H7v-17ZM14 3.5v4h4",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 13h8.4L17 7M10.5 10.5v6M13.5 10.5v6",
  copy: "M9 9h10v11H9zM15 9V4.5H5V15h4",
  save: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
} as const;

export type IconName = keyof typeof PATHS;

/** Says nothing to a screen reader; what is beside it does. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
