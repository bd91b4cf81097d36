import { InvalidArgumentError, Option } from "commander";
import { isAbsolute, relative, resolve } from "node:path";
import { memberName } from "../protocol/index.ts";

export const dirOption = (): Option => new Option("-d, --dir <folder>", "the node's folder").default(".");

/** The option again, as a command that is advised has to have it; nothing for the current folder. @param given - As it was given, or absolute. */
export function dirAgain(given: string): string {
  if (resolve(given) === process.cwd()) return "";
  const fromHere = relative(process.cwd(), resolve(given));
  const dir = isAbsolute(given) && (fromHere === "" || fromHere.startsWith("..")) ? given : fromHere;
  return ` --dir ${/^[\w./~-]+$/.test(dir) ? dir : `"${dir}"`}`;
}

export const transcriptOption = (): Option =>
  new Option("--transcript <file>", "record every message this process sees, for audits");

export const tracesOption = (): Option =>
  new Option(
    "--traces <url>",
    "send OpenTelemetry spans (who, when, how long; no contents) to the collector at this address, such as http://localhost:4318; default: not",
  ).argParser(parseCollector);

function parseCollector(text: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError("a collector's address begins with http:// or https://");
  return new URL(text);
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError("a port is a whole number from 0 to 65535");
  return port;
}

/** A parser for whole numbers in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`expected a whole number from ${String(min)} to ${String(max)}`);
    return value;
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError("expected a number above 0");
  return value;
}

function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = positiveNumber(text);
    if (value < min || value > max)
      throw new InvalidArgumentError(`expected a number from ${String(min)} to ${String(max)}`);
    return value;
  };
}

/** Noise on vectors, as a share of the encoder's largest norm. */
export const parseBeta = numberFrom(0.000001, 1000);

/** DistanceDP's epsilon, per unit of distance between questions of norm 1. */
export const epsilonPerDistance = numberFrom(0.001, 1e9);

/** A name like those of members. */
export function memberNameArgument(text: string): string {
  const name = memberName.safeParse(text);
  if (name.success) return name.data;
  throw new InvalidArgumentError("expected lower-case letters, digits and dashes, at most 63");
}
