import { Command } from "commander";
import { join } from "node:path";
import { SingleBar, Presets } from "cli-progress";
import { KNOWN_MODELS, knownModel, pullModel, readManifest } from "../party-node/models/index.ts";

export function modelCommand(): Command {
  return new Command("model").description("encoders to download").addCommand(pullCommand());
}

function pullCommand(): Command {
  return new Command("pull")
    .description("download a model whose files are pinned by SHA-256; goes on where it stopped")
    .argument("[name]", `one of: ${KNOWN_MODELS.map(({ name }) => name).join(", ")}`)
    .option("--manifest <file>", "a model described by a manifest of your own")
    .option("--to <folder>", "where models are kept", "models")
    .action(async (name: string | undefined, { manifest, to }: { manifest?: string; to: string }, command: Command) => {
      if ((name === undefined) === (manifest === undefined))
        command.error("error: give the name of a known model, or --manifest FILE");
      const model = manifest === undefined ? knownModel(name ?? "") : readManifest(manifest);
      const folder = join(to, model.name);
      const bar = new SingleBar(
        {
          format: "  {path}  {bar} {percentage}%  {megabytes} MB",
          stream: process.stderr,
          barsize: 24,
          hideCursor: true,
        },
        Presets.shades_classic,
      );
      const shown = { started: false };
      try {
        await pullModel(model, folder, {
          onProgress: ({ path, receivedBytes, totalBytes }) => {
            if (!process.stderr.isTTY) return;
            if (!shown.started) bar.start(totalBytes, receivedBytes, { path, megabytes: "0" });
            shown.started = true;
            bar.update(receivedBytes, { path, megabytes: (receivedBytes / 1e6).toFixed(1) });
          },
        });
      } finally {
        if (shown.started) bar.stop();
      }
      process.stdout.write(`${folder} is complete and verified. Use it with --encoder onnx:${folder}\n`);
    });
}
