import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Overview } from "../api.ts";
import { HelpDialog } from "./components/help-dialog.tsx";
import { Icon } from "./components/icon.tsx";
import { oneLine } from "./format.ts";
import { type View, address, place, views } from "./state/route.ts";
import { access } from "./state/session.ts";
import { helpOpen, listenForShortcuts } from "./state/shortcuts.ts";
import { scheme, switchTheme } from "./state/theme.ts";
import { AskView } from "./views/ask.tsx";
import { CollectionsView } from "./views/collections.tsx";
import { FederationView } from "./views/federation.tsx";
import { GoneView, LockedView } from "./views/locked.tsx";
import { ReceiptsView } from "./views/receipts.tsx";
import { SecurityView } from "./views/security.tsx";

const NAMES: Readonly<Record<View, string>> = {
  ask: "Ask",
  receipts: "Receipts",
  collections: "Collections",
  federation: "Federation",
  security: "Security",
};

export function App(): JSX.Element | null {
  const { value } = access;
  if (value.state === "entering") return null;
  if (value.state === "locked") return <LockedView detail={value.detail} />;
  if (value.state === "gone") return <GoneView />;
  return <Shell overview={value.overview} />;
}

function Shell({ overview }: { readonly overview: Overview }): JSX.Element {
  const { view } = place.value;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(listenForShortcuts, []);
  useEffect(() => {
    document.title = `${NAMES[view]} · ${oneLine(overview.federation)} · Sotto`;
    // Whoever goes to a view by keyboard or hears the page is taken to it; not when the page opens, where the question box has the focus.
    if (!isFirst.current && view !== "ask") main.current?.querySelector("h1")?.focus();
    isFirst.current = false;
    scrollTo(0, 0);
  }, [view]);
  return (
    <>
      <a
        class="skip"
        href={location.hash === "" ? "#/ask" : location.hash}
        onClick={(event) => skip(event, main.current)}
      >
        Skip to the content
      </a>
      <div class="shell">
        <header class="side">
          <a class="brand" href={address("ask")}>
            <img src="/icon.svg" alt="" width="28" height="28" />
            <span class="brand-name">Sotto</span>
          </a>
          <nav class="nav" aria-label="Views">
            <ul>
              {views.map((one) => (
                <li key={one}>
                  <a href={address(one)} aria-current={one === view ? "page" : undefined}>
                    <Icon name={one} />
                    <span>{NAMES[one]}</span>
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="side-foot">
            <div class="side-buttons">
              <button type="button" class="quiet icon-only" onClick={switchTheme}>
                <Icon name={scheme.value === "dark" ? "sun" : "moon"} />
                <span class="for-readers">{scheme.value === "dark" ? "Light colours" : "Dark colours"}</span>
              </button>
              <button
                type="button"
                class="quiet icon-only"
                onClick={() => {
                  helpOpen.value = true;
                }}
              >
                <span aria-hidden="true">?</span>
                <span class="for-readers">Keys</span>
              </button>
            </div>
            <p class="who">
              <span class="who-member">{overview.member}</span>
              <span class="soft">{oneLine(overview.federation)}</span>
            </p>
          </div>
        </header>
        <main id="main" ref={main} tabIndex={-1} class={`view view-${view}`}>
          <ViewOf view={view} overview={overview} />
        </main>
      </div>
      <HelpDialog />
    </>
  );
}

function ViewOf({ view, overview }: { readonly view: View; readonly overview: Overview }): JSX.Element {
  switch (view) {
    case "ask":
      return <AskView overview={overview} />;
    case "receipts":
      return <ReceiptsView />;
    case "collections":
      return <CollectionsView />;
    case "federation":
      return <FederationView overview={overview} />;
    case "security":
      return <SecurityView overview={overview} />;
  }
}

/** The address says which view is shown, and has no room for a place in it. */
function skip(event: Event, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}
