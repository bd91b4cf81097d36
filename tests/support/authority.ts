import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./temporary-folder.ts";

/** Certificates are made by the openssl program; tests that need them are skipped by name where it is missing. */
export function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** An authority of its own and certificates by it, made by the openssl program. */
export class Authority implements Disposable {
  readonly #folder = temporaryFolder();
  readonly path = join(this.#folder.path, "ca.pem");

  constructor() {
    this.#openssl(
      "req",
      "-x509",
      ...this.#newKey("ca"),
      "-subj",
      "/CN=test authority",
      "-days",
      "2",
      "-out",
      this.path,
    );
  }

  get pem(): string {
    return readFileSync(this.path, "utf8");
  }

  /** @param names - As openssl has them: `IP:127.0.0.1,DNS:localhost`. */
  certificate(name: string, names: string, validity: readonly string[] = ["-days", "2"]) {
    const file = (suffix: string): string => join(this.#folder.path, `${name}.${suffix}`);
    writeFileSync(file("ext"), `subjectAltName=${names}\n`);
    this.#openssl("req", ...this.#newKey(name), "-subj", `/CN=${name}`, "-out", file("csr"));
    const signing = ["-CA", this.path, "-CAkey", join(this.#folder.path, "ca.key"), "-CAcreateserial"];
    this.#openssl(
      "x509",
      "-req",
      "-in",
      file("csr"),
      ...signing,
      ...validity,
      "-extfile",
      file("ext"),
      "-out",
      file("pem"),
    );
    return {
      certPath: file("pem"),
      keyPath: file("key"),
      cert: readFileSync(file("pem"), "utf8"),
      key: readFileSync(file("key"), "utf8"),
    };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #newKey(name: string): string[] {
    return [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      join(this.#folder.path, `${name}.key`),
    ];
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { stdio: "ignore" });
  }
}
