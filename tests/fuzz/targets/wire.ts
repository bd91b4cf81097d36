import type { z } from "zod";
import { MODULUS, readResidues, residueBytes } from "../../../crypto/index.ts";
import {
  answerBody,
  decodeEndToEndMessage,
  decodeHopMessage,
  decodeValue,
  encodeValue,
  packFloats,
  packHandleList,
  packIndices,
  packScoredBlocks,
  packSealedRows,
  packSigns,
  blockManifest,
  passageDelivery,
  passageStatement,
  queryBody,
  scoreList,
  shareBody,
  shareNote,
  unpackFloats,
  unpackHandles,
  unpackIndices,
  unpackScoredBlocks,
  unpackSealedRows,
  unpackSigns,
} from "../../../protocol/index.ts";
import { endToEndMessages, hopMessages } from "../../../protocol/messages.ts";
import { unpackRemoved, packRemoved } from "../../../party-node/outsourced/header.ts";
import { sample } from "../sample.ts";
import { Defect, type FuzzTarget, survives } from "../target.ts";

const VALUE_FAULTS = ["FRAME_MALFORMED", "FRAME_TOO_LARGE", "MESSAGE_INVALID"];
const MESSAGE_FAULTS = [...VALUE_FAULTS, "MESSAGE_UNKNOWN"];

const samplesOf = (schema: z.ZodType): Uint8Array[] => [0, 1, 3].map((size) => encodeValue(sample(schema, size)));

function messages(
  name: string,
  schemas: Readonly<Record<string, z.ZodType>>,
  decode: (bytes: Uint8Array) => unknown,
): FuzzTarget {
  return {
    name,
    form: "cbor",
    seeds: () => Object.values(schemas).flatMap(samplesOf),
    faults: MESSAGE_FAULTS,
    run: survives(decode, encodeValue),
  };
}

function value(name: string, schema: z.ZodType): FuzzTarget {
  return {
    name,
    form: "cbor",
    seeds: () => samplesOf(schema),
    faults: VALUE_FAULTS,
    run: survives((bytes) => decodeValue(schema, bytes), encodeValue),
  };
}

/** What is packed without CBOR: the values' bytes, or null where they cannot be any. */
function packed<Value>(
  name: string,
  seeds: readonly Uint8Array[],
  unpack: (bytes: Uint8Array) => Value,
  pack: (unpacked: NonNullable<Value>) => Uint8Array,
  faults: readonly string[] = [],
): FuzzTarget {
  const checked = survives<Value | null>(unpack, (unpacked) =>
    unpacked === null || unpacked === undefined ? new Uint8Array(3) : pack(unpacked),
  );
  return { name, form: "bytes", seeds: () => seeds, faults, run: checked };
}

/** As the schemas say that stand before these unpackers: whole entries only. */
const whole = (bytes: Uint8Array, entryBytes: number): Uint8Array =>
  bytes.subarray(0, bytes.length - (bytes.length % entryBytes));

const DIM = 3;
const SIGNS = 13;
const row = (size: number) => ({
  rowId: new Uint8Array(16).fill(size),
  version: 7 + size,
  vector: Float32Array.of(0.5, -1, size),
  passage: new Uint8Array(size).fill(9),
});

/** Codec, messages and packed fields of the protocol. */
export const wireTargets: readonly FuzzTarget[] = [
  messages("hop-message", hopMessages, decodeHopMessage),
  messages("end-to-end-message", endToEndMessages, decodeEndToEndMessage),
  value("query-body", queryBody),
  value("answer-body", answerBody),
  value("score-list", scoreList),
  value("share-body", shareBody),
  value("share-note", shareNote),
  value("block-manifest", blockManifest),
  value("passage-statement", passageStatement),
  value("passage-delivery", passageDelivery),
  packed(
    "handles",
    [packHandleList([{ block: 1, slot: 2 }]), new Uint8Array(24).fill(0xff)],
    (bytes) => unpackHandles(bytes).sort((a, b) => a.block - b.block || a.slot - b.slot),
    packHandleList,
  ),
  packed(
    "scored-blocks",
    [packScoredBlocks([{ block: 3, version: "ab".repeat(16) }])],
    (bytes) => unpackScoredBlocks(whole(bytes, 20)),
    packScoredBlocks,
  ),
  packed(
    "sealed-rows",
    [packSealedRows([], DIM), packSealedRows([row(0), row(5)], DIM), packSealedRows([row(8)], DIM, 64)],
    (bytes) => unpackSealedRows(bytes, DIM),
    (rows) => packSealedRows(rows, DIM),
    ["MESSAGE_INVALID"],
  ),
  packed("signs", [packSigns(new Float32Array(SIGNS).fill(-1))], (bytes) => unpackSigns(bytes, SIGNS), packSigns),
  {
    name: "floats",
    form: "bytes",
    seeds: () => [packFloats(Float32Array.of(1, NaN, -0))],
    faults: [],
    run: (input) => {
      const bytes = whole(input, 4);
      const floats = unpackFloats(bytes);
      // A NaN's payload may be lost; everything else is the same to the bit.
      if (!floats.some(Number.isNaN) && Buffer.compare(packFloats(floats), bytes) !== 0)
        throw new Defect("numbers changed");
    },
  },
  packed(
    "indices",
    [packIndices(Uint32Array.of(0, 2 ** 32 - 1))],
    (bytes) => unpackIndices(whole(bytes, 4)),
    packIndices,
  ),
  packed(
    "residues",
    [residueBytes(Uint32Array.of(0, MODULUS - 1)), residueBytes(Uint32Array.of(MODULUS))],
    readResidues,
    (residues) => {
      if (residues.some((residue) => residue >= MODULUS)) throw new Defect("a residue is not below the modulus");
      return residueBytes(residues);
    },
  ),
  packed(
    "removed-rows",
    [packRemoved(new Map([["ab".repeat(16), 5]]))],
    // The owner's own list, under a seal: versions are such as owners give.
    (bytes) => new Map([...unpackRemoved(whole(bytes, 24))].filter(([, version]) => Number.isSafeInteger(version))),
    packRemoved,
  ),
];
