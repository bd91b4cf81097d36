import { closeSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type QueryResult, type Traffic, TrafficMeter } from "../party-node/asking/index.ts";
import { openNodeFederation, openNodeFolder } from "../party-node/node-folder.ts";
import { makeReceipt } from "../party-node/receipt/index.ts";
import type { FrameObserver } from "../protocol/index.ts";
import { version } from "./version.ts";

/** The file of one question's privacy receipt. It is opened before the question is asked, so that a path that cannot be written to costs none; disposing of it leaves nothing unfinished. */
export class ReceiptFile implements Disposable {
  /** As it was given. */
  readonly path: string;
  readonly #unfinished: string;
  readonly #file: number;
  readonly #meter = new TrafficMeter();
  #stop: () => Traffic = this.#meter.start();
  #askedAtMs = 0;

  /** @param path - A file that is there is replaced once the question has been answered. @throws what the file system says. */
  constructor(path: string) {
    this.path = path;
    this.#unfinished = `${path}.new`;
    rmSync(this.#unfinished, { force: true }); // an old one would keep its mode
    this.#file = openSync(this.#unfinished, "wx", 0o600);
  }

  /** To be given every message. */
  get observer(): FrameObserver {
    return this.#meter.observer;
  }

  /** From here on what goes over the connections is the question's. */
  start(): void {
    this.#askedAtMs = Date.now();
    this.#stop();
    this.#stop = this.#meter.start();
  }

  /** @param dir - The folder of the node that has asked. @throws Fault as {@link openNodeFederation}; what the file system says. */
  write(result: QueryResult, dir: string): void {
    const folder = openNodeFolder(dir);
    const receipt = makeReceipt({
      result,
      traffic: this.#stop(),
      terms: openNodeFederation(folder).terms,
      querier: folder.config.name,
      askedAtMs: this.#askedAtMs,
      version,
    });
    writeFileSync(this.#file, `${JSON.stringify(receipt, null, 2)}\n`);
    renameSync(this.#unfinished, this.path);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    rmSync(this.#unfinished, { force: true });
  }
}
