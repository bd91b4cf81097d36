import type { SqlCondition } from "./filter-sql.ts";
import { byDistance, squaredDistance } from "./nearest.ts";
import type { Candidate } from "./sealed-store.ts";
import type { SqliteRows } from "./sqlite-rows.ts";
import type { VectorIndex } from "./vector-index.ts";

/** usearch looks as far into its graph as it is asked for rows; asked for fewer than these it misses some of the nearest. */
const FETCH_MIN = 256;
/** How much further the index is asked, once, when too many of its rows are gone or filtered out. */
const WIDEN = 4;

export interface NearestRows {
  readonly query: Float32Array;
  /** k'. */
  readonly candidates: number;
  readonly where: SqlCondition;
  /** Rows that match the condition. */
  readonly matching: number;
  /** All rows. */
  readonly rowCount: number;
  /** A collection, or what matches in it, with no more rows is looked at wholly. */
  readonly exactRowsMax: number;
}

/** The rows nearest to the query, nearest first, through the index where there is one and it serves. */
export function nearestRows(rows: SqliteRows, index: VectorIndex | null, search: NearestRows): Candidate[] {
  const { query, candidates, where, matching, exactRowsMax } = search;
  const isFew = matching <= Math.max(exactRowsMax, overFetch(search));
  const found = index && !isFew ? searchIndex(rows, index, search) : null;
  return found ?? rows.scan(query, candidates, where, 0);
}

/** How many rows of the index hold the candidates sought, if those that match lie anywhere among them, with as many to spare. */
function overFetch({ candidates, matching, rowCount }: NearestRows): number {
  return matching === rowCount ? 0 : Math.ceil((2 * candidates * rowCount) / matching);
}

/** Null when the index, asked twice, has too few matching rows near the query. */
function searchIndex(rows: SqliteRows, index: VectorIndex, search: NearestRows): Candidate[] | null {
  const { query, candidates, where, matching } = search;
  const notIndexed = rows.highKey() > index.highKey ? rows.scan(query, candidates, where, index.highKey) : [];
  const wanted = Math.min(candidates, matching);
  const fetch = Math.max(FETCH_MIN, 2 * candidates, overFetch(search));
  for (const count of [fetch, WIDEN * fetch]) {
    const indexed = rows.byKeys(index.nearest(query, Math.min(count, index.size)), candidates, where);
    if (indexed.length + notIndexed.length >= wanted) return merged(query, indexed, notIndexed).slice(0, candidates);
  }
  return null;
}

/** Two lists, each nearest first, as one. */
function merged(query: Float32Array, some: Candidate[], others: Candidate[]): Candidate[] {
  if (others.length === 0) return some;
  return [...some, ...others]
    .map((item) => ({ item, distance: squaredDistance(query, item.vector) }))
    .sort(byDistance)
    .map(({ item }) => item);
}
