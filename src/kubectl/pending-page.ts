import { makeVisible } from '../visible/text.ts';
import { visibleCell } from '../visible/cell.ts';
import { tableLines, type TablePlace } from '../cli/table.ts';
import { pendingColumns, type ColumnChoice } from './request-columns.ts';
import { isReadable, type Seen, type SeenRequest } from './seen-request.ts';

/** The widest that a note is where output is piped. */
const PIPED_WIDTH = 400;

/** Requests that wait, as a table: what ends soonest comes first. */
export function pendingTable(requests: readonly Seen[], choice: ColumnChoice, place: TablePlace): readonly string[] {
  const readable = pendingOnly(requests);
  return readable.length === 0 ? [] : tableLines(readable, pendingColumns(readable, choice), place);
}

/** Those that wait, the one that ends soonest first. */
export function pendingOnly(requests: readonly Seen[]): readonly SeenRequest[] {
  return requests
    .filter(isReadable)
    .filter(({ record }) => record.phase === 'pending')
    .toSorted((left, right) => left.record.expiresAt - right.record.expiresAt || (left.name < right.name ? -1 : 1));
}

/** A line for each request that is not what it should be. */
export function warningLines(requests: readonly Seen[], columns: number | null): readonly string[] {
  return requests.flatMap((seen) => {
    const subject = `${makeVisible(seen.namespace)}/${makeVisible(seen.name)}`;
    const text = isReadable(seen) ? seen.problem : seen.unreadable;
    if (text === null) return [];
    const what = isReadable(seen) ? 'its gateway will not use it' : 'cannot be shown';
    const head = `! ${subject}: ${what}: `;
    return [head + visibleCell(text, Math.max(20, (columns ?? PIPED_WIDTH) - head.length))];
  });
}
