export { QUERY_BUDGET_DAYS_DEFAULT, defaultQueryBudget } from "./default-query-budget.ts";
export { QueryBudget, type QueryBudgetFaultCode } from "./query-budget.ts";
export { PartyServer, type PartyServerOptions } from "./party-server.ts";
export type { RequestHandler } from "./request-handler.ts";
