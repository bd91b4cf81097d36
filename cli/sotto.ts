#!/usr/bin/env node
// What `sotto` runs. Any Node since 14 can read it, so that one that is too old is told so in words: nothing may be imported here but in `import()`.

/** As `engines` of package.json has it; a test compares. */
const NODE_MIN = [24, 20] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) await import("./main.ts");
else {
  process.stderr.write(
    `error NODE_TOO_OLD: sotto needs Node ${NODE_MIN.join(".")} or newer, and this is ${process.versions.node}. \`npm install --save-dev node@24\` puts one beside it, which npx and npm scripts then use; nodejs.org has one for the whole machine\n`,
  );
  process.exitCode = 2;
}
