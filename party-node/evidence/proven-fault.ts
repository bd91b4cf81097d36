import { Fault } from "../../crypto/index.ts";
import type { Accusation } from "./claims.ts";

/** A fault of a party's that its own signatures prove. */
export class ProvenFault extends Fault<string> {
  readonly accusation: Accusation;

  constructor(code: string, message: string, accusation: Accusation) {
    super(code, message);
    this.accusation = accusation;
  }
}
