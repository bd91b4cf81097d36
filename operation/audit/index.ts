export type { AuditFaultCode } from "./audit-fault.ts";
export { CarriedTally } from "./carried-tally.ts";
export { AuditLog, type AuditLogOptions, type Head } from "./audit-log.ts";
export { auditLimits } from "./chain.ts";
export type { AuditEntry, AuditEvent, AuditSink } from "./events.ts";
export { type AuditSummary, type VerifyOptions, verifyAuditLog } from "./verify.ts";
