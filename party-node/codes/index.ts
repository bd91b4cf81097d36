export { CodeBudget } from "./code-budget.ts";
export { CodeService } from "./code-service.ts";
export { openCodeTable } from "./code-table.ts";
export { type EntityCodes, readCodes } from "./remote-codes.ts";
