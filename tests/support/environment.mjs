import { TestEnvironment } from "jest-environment-node";

// jest runs each test file in its own realm. Native addons and Node's own modules make typed arrays of the outer
// realm, and `instanceof` there fails on the inner realm's; sharing the constructors makes a test see what a process sees.
const shared = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Uint8Array",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "WebAssembly",
  "Error",
  "TypeError",
  "RangeError",
];

export default class SharedRealmEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of shared) this.global[name] = globalThis[name];
  }
}
