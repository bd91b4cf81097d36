export {
  type HostOptions,
  type Interference,
  inFrontOf,
  openHost,
} from "../../simulations/federation/host-in-process.ts";
