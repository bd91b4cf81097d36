import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../../crypto/index.ts";
import { type Route, sendBody } from "../../integrations/http/index.ts";

/** CONSOLE_NOT_BUILT: the bundle is not there. */
export type PageFaultCode = "CONSOLE_NOT_BUILT";

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** Address -> file of the bundle. */
const FILES = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/app.js": { file: "app.js", type: "text/javascript; charset=utf-8" },
  "/app.css": { file: "app.css", type: "text/css; charset=utf-8" },
  "/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
} as const;

/** Made by scripts/build-console.mjs: in `dist/console`, where the package has this file's folder too. */
function bundleFolder(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../../dist/console" : "..", import.meta.url));
}

/** The page itself, the same for everybody, so that nobody needs a token to load it. @throws Fault CONSOLE_NOT_BUILT. */
export function pageRoutes(folder = bundleFolder()): Route[] {
  return Object.entries(FILES).map(([path, { file, type }]) => {
    const body = readBundled(join(folder, file));
    return {
      method: "GET",
      path,
      isPublic: true,
      handle: ({ response }) => {
        response.setHeader("content-security-policy", POLICY);
        sendBody(response, { type, body });
      },
    };
  });
}

function readBundled(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Fault<PageFaultCode>(
      "CONSOLE_NOT_BUILT",
      `${path} is not there; in a clone, \`npm run prepare\` makes it`,
      cause,
    );
  }
}
