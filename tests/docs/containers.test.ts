import { expect, test } from "@jest/globals";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { repository } from "../support/cli.ts";
import type { Step } from "./page.ts";
import { Walk } from "./walk.ts";

const example = (name: string): string => readFileSync(join(repository, "examples", name), "utf8");
const text = example("compose.yaml");
const service = z.strictObject({
  image: z.literal("sotto"),
  command: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string().regex(/^[a-z]+:\/data$/)),
  depends_on: z.array(z.string()).optional(),
  profiles: z.array(z.string()).optional(),
  network_mode: z.literal("none").optional(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.tuple([z.literal("no-new-privileges:true")]),
  tmpfs: z.array(z.string()),
  restart: z.literal("unless-stopped"),
  stop_grace_period: z.literal("30s"),
});
const compose = z
  .looseObject({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(text, { merge: true }));
const commandOf = (name: string): string[] => compose.services[name]?.command ?? [];
/** Ports of health, which every container has to itself. */
const METRICS_PORTS: Readonly<Record<string, string>> = { hub: "9464", clinic: "9465", library: "9466" };

/** What a line of docker's command line makes of `sotto`, with a folder in place of each volume and this machine in place of each container. */
function steps(line: string, walk: Walk): Step[] {
  const words = line.slice("docker compose ".length);
  const step = (name: string, command: string): Step => ({
    machine: name.startsWith("up ") ? name.slice(3) : "",
    command: command
      .replaceAll("/data", walk.path(`volume-${name.replace("up ", "")}`))
      .replaceAll("ws://hub:", "ws://hub.example:"),
    line: 0,
  });
  const up = /^up -d ?(.*)$/.exec(words);
  if (up) {
    const names = up[1] ? [up[1]] : Object.keys(compose.services).filter((name) => !compose.services[name]?.profiles);
    return names.map((name) =>
      step(
        `up ${name}`,
        `sotto ${commandOf(name)
          .join(" ")
          .replace("9464", METRICS_PORTS[name] ?? "")}`,
      ),
    );
  }
  const [, mounted, inside, entrypoint = "sotto", name = "", rest = ""] =
    /^run --rm (?:-T )?(?:-v (\S+?):(\S+?):ro )?(?:--entrypoint (\S+) )?([a-z]+) (.*)$/.exec(words) ?? [];
  if (!(name in compose.services)) throw new Error(`compose.yaml: ${line} is not understood`);
  const command = step(name, `${entrypoint} ${rest}`);
  return [mounted && inside ? { ...command, command: command.command.replace(inside, mounted) } : command];
}

test("the commands of compose.yaml, as processes with folders for volumes, found a federation and answer a question", async () => {
  await using walk = new Walk();
  for (const [name, corpus] of [
    ["clinic-documents", "riverside-hospital"],
    ["library-documents", "hale-and-partners"],
  ] as const)
    cpSync(join(repository, "demo", "corpora", corpus), walk.path(name), { recursive: true });
  for (const [name, { volumes }] of Object.entries(compose.services)) {
    expect(volumes).toEqual([`${name}:/data`]);
    expect(Object.keys(compose.volumes)).toContain(name);
    mkdirSync(walk.path(`volume-${name}`));
  }
  const lines = [...text.matchAll(/^# {3}(docker compose .*)$/gm)].map(([, line]) => line ?? "");
  expect(lines.length).toBeGreaterThan(12);
  let last = "";
  for (const line of lines) for (const step of steps(line, walk)) ({ stdout: last } = await walk.run(step));
  expect(last).toMatch(/^\[1\] clinic · medication-safety\.md/m);

  const containerfile = example("Containerfile");
  const health = JSON.parse(/HEALTHCHECK [\s\S]*?CMD (\[.*\])/.exec(containerfile)?.[1] ?? "[]") as string[];
  expect(health[0]).toBe("node");
  for (const port of Object.values(METRICS_PORTS)) {
    const program = (health[2] ?? "").replace("9464", port);
    await walk.run({ machine: "", command: `node -e "${program}"`, line: 0 });
  }
  await expect(
    walk.run({ machine: "", command: `node -e "${(health[2] ?? "").replace("9464", "9999")}"`, line: 0 }),
  ).rejects.toThrow();
  expect(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(containerfile)?.[1] ?? "")).toEqual(["sotto"]);
  expect(JSON.parse(/^CMD (.*)$/m.exec(containerfile)?.[1] ?? "")).toEqual(commandOf("clinic"));
}, 180_000);

test("the units of systemd start the same commands", () => {
  const started = (name: string) =>
    /^ExecStart=\/usr\/bin\/sotto (.*)$/m.exec(example(name))?.[1]?.replace("/var/lib/sotto", "/data");
  expect(started("sotto-coordinator.service")).toBe(commandOf("hub").join(" "));
  expect(started("sotto-node.service")).toBe(commandOf("clinic").join(" "));
});
