// For `node --import`: a program that imports "sotto" gets this repository's sources, as it would get the built package.
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    const [, entry] = /^sotto(?:\/([\w-]+))?$/.exec(specifier) ?? [];
    if (entry !== undefined) return next(new URL(`../../integrations/${entry}.ts`, import.meta.url).href, context);
    return next(specifier === "sotto" ? new URL("../../index.ts", import.meta.url).href : specifier, context);
  },
});
