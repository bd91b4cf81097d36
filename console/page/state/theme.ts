import { computed, effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "sotto.theme";
const isDark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(isDark.matches);
isDark.addEventListener("change", ({ matches }) => {
  systemIsDark.value = matches;
});

export const theme = signal<Theme>(stored());

/** What is shown. */
export const scheme = computed<"light" | "dark">(() =>
  theme.value === "system" ? (systemIsDark.value ? "dark" : "light") : theme.value,
);

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset["scheme"] = scheme.value;
  });
}

/** The other scheme than the one shown; back to the system's where that is the same. */
export function switchTheme(): void {
  const next = scheme.value === "dark" ? "light" : "dark";
  theme.value = (next === "dark") === systemIsDark.value ? "system" : next;
  if (theme.value === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme.value);
}
