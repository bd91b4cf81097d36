export { QUERY_BUDGET_DAYS_DEFAULT, defaultQueryBudget } from "./default-query-budget.ts";
export { QueryBudget, type QueryBudgetFaultCode } from "./query-budget.ts";
export {
  QuerierRights,
  RIGHT_DEFAULT,
  RIGHTS_DAYS_MAX,
  RIGHTS_QUESTIONS_MAX,
  type Right,
  type Rights,
  type RightsFaultCode,
  readRights,
  rightOf,
  writeRights,
} from "./rights.ts";
export { PartyServer, type PartyServerOptions } from "./party-server.ts";
export type { RequestHandler } from "./request-handler.ts";
