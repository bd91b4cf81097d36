import { Fault } from "../../crypto/fault.ts";
import type { ModelFaultCode } from "./faults.ts";
import type { ModelFile, ModelManifest } from "./manifest.ts";

/** sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0): 384 dimensions, English, 256 tokens. Pinned to one commit. */
const MINILM =
  "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41";

function minilm(path: string, bytes: number, sha256: string, remote: string = path): ModelFile {
  return { path, url: `${MINILM}/${remote}`, bytes, sha256 };
}

/** Models that `sotto model pull NAME` knows; others are pulled by a manifest file ({@link readManifest}). */
export const KNOWN_MODELS: readonly ModelManifest[] = [
  {
    name: "all-MiniLM-L6-v2",
    files: [
      minilm("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
      minilm("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
      minilm("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
      minilm("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
      minilm(
        "model.onnx",
        90_405_214,
        "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452",
        "onnx/model.onnx",
      ),
    ],
  },
];

/** @throws Fault UNKNOWN_MODEL. */
export function knownModel(name: string): ModelManifest {
  const model = KNOWN_MODELS.find((known) => known.name === name);
  if (model) return model;
  const names = KNOWN_MODELS.map((known) => known.name).join(", ");
  throw new Fault<ModelFaultCode>(
    "UNKNOWN_MODEL",
    `No model "${name}" is known. Known: ${names}. For another, write a manifest and give it with --manifest FILE.`,
  );
}
