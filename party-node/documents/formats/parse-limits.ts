/** What one file may cost. Beyond any of these it is TOO_COSTLY, and the rest of the ingest goes on. */
export const parseLimits = {
  /** Size of the file. */
  fileBytesMax: 128 * 1024 * 1024,
  /** From handing the file to its parser to having its text. */
  timeMsMax: 60_000,
  /** Resident memory of the process that parses. */
  residentBytesMax: 1024 * 1024 * 1024,
  /** Extracted text, in UTF-16 code units. */
  textLengthMax: 32 * 1024 * 1024,
  /** Files in an archive, which DOCX, PPTX, XLSX and EPUB are. */
  archiveEntriesMax: 10_000,
  /** All files of an archive, unpacked; counted while they are read. */
  archiveBytesMax: 256 * 1024 * 1024,
  /** Bytes that one byte of an archive may become, in a file that unpacks to more than a MiB. */
  archiveRatioMax: 200,
  /** Elements within each other. */
  xmlDepthMax: 256,
  pdfPagesMax: 10_000,
  /** Characters of one row of a CSV file. */
  recordLengthMax: 1024 * 1024,
};

export type ParseLimits = typeof parseLimits;
