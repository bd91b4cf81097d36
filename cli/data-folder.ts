import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where data for simulations lies, when nobody said: SOTTO_DATA, ./data or the project's ../shared/data; null when there is none. */
export function findDataFolder(): string | null {
  const project = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? ".." : "../..", import.meta.url));
  const places = [process.env["SOTTO_DATA"], "data", join(project, "..", "shared", "data")];
  return places.find((place) => place !== undefined && existsSync(place)) ?? null;
}
