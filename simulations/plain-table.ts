import Table from "cli-table3";

/** A table without lines between its rows. @param words - The first so many columns are words, aligned to the left; figures go to the right. */
export function plainTable(head: string[], words = 0): Table.Table {
  const chars = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  return new Table({
    head,
    chars,
    style: { head: [], border: [] },
    colAligns: head.map((_, i) => (i < words ? "left" : "right")),
  });
}
