import { render } from "preact";
import { App } from "./app.tsx";
import { enter } from "./state/session.ts";
import { applyTheme } from "./state/theme.ts";

applyTheme();
void enter();
const root = document.getElementById("app");
if (root) render(<App />, root);
