import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { encode } from "cborg";
import { readNpy } from "../../../simulations/codes/npy.ts";
import { adamBytes, readCheckpoint } from "../../../simulations/hashvfl/checkpoint.ts";
import { readCsv, readNumbers } from "../../../simulations/hashvfl/data/csv-table.ts";
import { loadImages } from "../../../simulations/hashvfl/data/index.ts";
import { readPartyData } from "../../../simulations/hashvfl/party-data.ts";
import { Defect, type FuzzTarget, bytesOf } from "../target.ts";
import { inFile } from "./files.ts";

const floats = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
const state = { steps: 3, weights: [floats], means: [floats], squares: [new Uint8Array(0)] };
const partyData = { columns: 2, train: floats, test: floats, standardisation: null };

/** As `writeCheckpoint` writes it. */
function checkpoint(body: Uint8Array): Uint8Array {
  return encode({ format: 1, sha256: new Uint8Array(createHash("sha256").update(body).digest()), body });
}

/** Version 1 of NumPy's format: a matrix of 2 by 2. */
function npy(): Uint8Array {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".padEnd(117) + "\n";
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), Uint8Array.of(118, 0), bytesOf(header), floats]);
}

/** Four images of 2 by 2 pixels, in idx3-ubyte. */
const images = Buffer.concat([Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2), Buffer.alloc(16, 7)]);
const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 0, 1);

/** Files that training and its experiments read. */
export function trainingTargets(folder: string): FuzzTarget[] {
  const checkpointTarget = inFile(
    folder,
    "checkpoint",
    { form: "cbor", faults: ["CHECKPOINT_DAMAGED"], seeds: () => [checkpoint(encode(state))] },
    (path) => readCheckpoint(path, adamBytes),
  );
  return [
    checkpointTarget,
    {
      ...checkpointTarget,
      name: "checkpoint-inside",
      seeds: () => [encode(state)],
      run: (input) => checkpointTarget.run(checkpoint(input)),
    },
    inFile(
      folder,
      "party-data",
      { form: "cbor", faults: ["PARTY_DATA_MALFORMED"], seeds: () => [encode(partyData)] },
      (path) => {
        const { columns, values } = readPartyData(path);
        if (values.train.length % columns !== 0) throw new Defect("a row is not whole");
      },
    ),
    inFile(folder, "npy-matrix", { form: "bytes", faults: ["NPY_MALFORMED"], seeds: () => [npy()] }, (path) => {
      const { data, rows, width } = readNpy(path);
      if (data.length !== rows * width) throw new Defect("a matrix is not whole");
    }),
    inFile(
      folder,
      "training-csv",
      {
        form: "text",
        faults: ["BAD_CSV", "COLUMN_TWICE", "UNKNOWN_COLUMN", "NOT_A_NUMBER", "NOT_FINITE"],
        seeds: () => [bytesOf("id,a\n1,2.5\n2,3\n")],
      },
      async (path) => readNumbers(await readCsv(path), "a"),
    ),
    inFile(
      folder,
      "training-images",
      {
        form: "bytes",
        faults: ["BAD_IDX", "PARTY_COUNT", "CLASS_COUNT", "CLASS_MISSING"],
        seeds: () => [images, new Uint8Array(gzipSync(images))],
      },
      (path) => {
        const labelsPath = join(dirname(path), "labels");
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(labelsPath, labels);
        return loadImages({ images: path, labels: labelsPath, testShare: 0.5, seed: 1 });
      },
    ),
  ];
}
