import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import type { DataFaultCode } from "./faults.ts";
import { SPLIT_OPTIONS, type SplitOptions, checkOptions, checkPartyCount } from "./options.ts";
import type { Column, PartyColumns } from "./samples.ts";
import { verticalDataOf } from "./vertical-data-of.ts";
import { Fault } from "../../../crypto/fault.ts";
import type { VerticalData } from "../vertical-data.ts";

const UNPACKED_BYTES_MAX = 2 ** 30;
const TYPE_UINT8 = 8;

export interface ImagesOptions extends SplitOptions {
  /** idx3-ubyte, gzip or plain: shape [count, height, width]. */
  readonly images: string;
  /** idx1-ubyte, gzip or plain: shape [count]. */
  readonly labels: string;
  /** How many strips the images are cut into from left to right, as even as can be; 2 by default. */
  readonly parties?: number;
  /** The images' file name by default. */
  readonly name?: string;
}

/**
 * Loads images and labels in the format of MNIST (LeCun, Cortes and Burges; `yann.lecun.com/exdb/mnist`) and cuts every image into vertical strips, one a
 * party. A party's pixels share one mean and one scale: a pixel that is nearly always blank would be blown up by its own.
 *
 * @throws Fault FILE_MISSING, BAD_IDX, PARTY_COUNT, CLASS_COUNT, CLASS_MISSING; TypeError for options.
 */
export async function loadImages(options: ImagesOptions): Promise<VerticalData> {
  checkOptions("loadImages", options, ["images", "labels", "parties", "name", ...SPLIT_OPTIONS]);
  const { parties = 2, name = basename(options.images) } = options;
  const images = await readIdx(options.images, 3);
  const labels = await readIdx(options.labels, 1);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (labels.shape[0] !== count)
    throw new Fault<DataFaultCode>(
      "BAD_IDX",
      `${options.labels} has ${labels.shape[0]!} labels for ${count} images; give the file that belongs to them.`,
    );
  checkPartyCount(parties, 1, width, `an image is ${width} pixels wide`);
  return verticalDataOf(
    {
      name,
      ids: Array.from(labels.values.keys(), String),
      labels: Array.from(labels.values, String),
      parties: strips(images.values, { count, height, width }, parties),
    },
    options,
  );
}

function strips(
  pixels: Uint8Array,
  { count, height, width }: { count: number; height: number; width: number },
  parties: number,
): PartyColumns[] {
  const border = (party: number): number => Math.round((party * width) / parties);
  const column = (y: number, x: number): Column => {
    const values = new Uint8Array(count);
    for (let i = 0; i < count; i++) values[i] = pixels[(i * height + y) * width + x]!;
    return { kind: "numbers", name: `row ${y}, column ${x}`, values };
  };
  return Array.from({ length: parties }, (_, party) => {
    const across = Array.from({ length: border(party + 1) - border(party) }, (_, i) => border(party) + i);
    const columns = Array.from({ length: height }, (_, y) => across.map((x) => column(y, x))).flat();
    return { name: `strip-${party + 1}`, columns, scaling: "party" };
  });
}

interface IdxArray {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Uint8Array;
}

/** Magic number 0, 0, type, number of dimensions; the dimensions as big-endian uint32; the values. */
async function readIdx(file: string, dimensions: number): Promise<IdxArray> {
  if (!existsSync(file)) throw new Fault<DataFaultCode>("FILE_MISSING", `${file} does not exist; check the path.`);
  const bytes = unpack(file, await readFile(file));
  const bad = (problem: string): Fault =>
    new Fault<DataFaultCode>("BAD_IDX", `${file} ${problem}; check that it is whole and the right file.`);
  const headerBytes = 4 + 4 * dimensions;
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== TYPE_UINT8 * 256 + dimensions)
    throw bad(`is no idx file of bytes in ${dimensions} dimension${dimensions === 1 ? "" : "s"}`);
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const expected = shape.reduce((product, size) => product * size, 1);
  if (expected === 0 || bytes.length - headerBytes !== expected)
    throw bad(`has ${bytes.length - headerBytes} values where its header says ${expected}`);
  return { shape, values: bytes.subarray(headerBytes) };
}

function unpack(file: string, bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch (error) {
    throw new Fault<DataFaultCode>(
      "BAD_IDX",
      `${file} does not unpack; check that it is whole and below ${UNPACKED_BYTES_MAX} bytes.`,
      error,
    );
  }
}
