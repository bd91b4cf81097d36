export { temporaryFolder } from "../../simulations/federation/temporary-folder.ts";
