/**
 * - AUDIT_BROKEN: the log is not what was written; the message names the first entry that does not hold, and how.
 * - AUDIT_MISSING: there is no log.
 * - AUDIT_BUSY: another process writes it.
 * - AUDIT_UNWRITABLE: entries cannot be written any more; a node ends then.
 */
export type AuditFaultCode = "AUDIT_BROKEN" | "AUDIT_MISSING" | "AUDIT_BUSY" | "AUDIT_UNWRITABLE";
