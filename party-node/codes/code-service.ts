import { Fault } from "../../crypto/index.ts";
import {
  type CodeAnswer,
  type CodeRequest,
  type EndToEndMessage,
  codeRequests,
  packSigns,
} from "../../protocol/index.ts";
import type { RequestHandler } from "../serving/request-handler.ts";
import type { CodeBudget } from "./code-budget.ts";
import type { CodeTable } from "./code-table.ts";
import { codeServingFault } from "./faults.ts";

export interface CodeServiceOptions {
  readonly table: CodeTable;
  /** Members who may read codes. */
  readonly readers: ReadonlySet<string>;
  readonly budget: CodeBudget;
}

/** Answers named queriers with codes of the entities they ask for. */
export class CodeService implements RequestHandler<CodeRequest> {
  readonly #options: CodeServiceOptions;

  constructor(options: CodeServiceOptions) {
    this.#options = options;
  }

  handles(message: EndToEndMessage): message is CodeRequest {
    return message.type in codeRequests;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- others' answers take time
  async *respond(member: string, _session: object, request: CodeRequest): AsyncGenerator<EndToEndMessage> {
    try {
      yield this.#answer(member, request);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      yield { type: "fault", id: request.id, code: error.code, reason: error.message };
    }
  }

  #answer(member: string, { id, entities }: CodeRequest): CodeAnswer {
    const { table, readers, budget } = this.#options;
    if (!readers.has(member))
      throw codeServingFault("NOT_CODE_READER", "this party serves codes to other members; ask its operator");
    const left = budget.spend(member, entities.length);
    const codes = entities.map((entity) => table.codes.get(entity));
    return {
      type: "codes-list",
      id,
      bits: table.bits,
      known: packSigns(Float32Array.from(codes, (code) => (code ? 1 : -1))),
      codes: Buffer.concat(codes.filter((code) => code !== undefined)),
      left,
    };
  }
}
