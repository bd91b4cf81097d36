export { type Lies, type Scored, lyingParty, makeAnswer } from "../../simulations/federation/lying-party.ts";
