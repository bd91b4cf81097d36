/** What is wrong with the data of a simulation. Messages name files, lines and columns; never an id, a label or a value. */
export type DataFaultCode =
  | "FILE_MISSING"
  | "BAD_CSV"
  | "BAD_IDX"
  | "UNKNOWN_PRESET"
  | "UNKNOWN_COLUMN"
  | "COLUMN_TWICE"
  | "ID_MISSING"
  | "IDS_DUPLICATE"
  | "IDS_MISALIGNED"
  | "LABEL_MISSING"
  | "NOT_A_NUMBER"
  | "NOT_FINITE"
  | "TOO_MANY_CATEGORIES"
  | "CLASS_COUNT"
  | "CLASS_MISSING"
  | "PARTY_COUNT";
