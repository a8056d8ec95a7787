import { columnsOf, visibleCell } from '../visible/cell.ts';

/** What a table is made for. */
export interface TablePlace {
  readonly now: number;
  /** The columns of the terminal; null when output is piped. */
  readonly columns: number | null;
  /** Whether cells may carry colour. */
  readonly colour?: boolean;
}

/** A column of a table with a row for each `Row`. */
export interface Column<Row> {
  readonly title: string;
  /** The least width it can be shrunk to; null for a column that is never cut. */
  readonly shrinksTo: number | null;
  /** Left out where the terminal is too narrow for the least widths: the column with the highest number first. */
  readonly dispensable?: number;
  readonly text: (row: Row, now: number) => string;
  /** The colour of a cell as the number of an SGR sequence (ECMA-48 section 8.3.117), such as `31`; null for none. */
  readonly colour?: (row: Row) => string | null;
}

const GAP = '  ';
/** Where nothing bounds the line, a cell still ends before it buries the others. */
const MAX_CELL = 120;

/** A line of titles and one for each row, no wider than the terminal. What agents wrote in a cell is made visible. */
export function tableLines<Row>(
  rows: readonly Row[],
  all: readonly Column<Row>[],
  place: TablePlace,
): readonly string[] {
  const columns = place.columns === null ? all : dispense(all, rows, place);
  const cells = cellsOf(rows, columns, place);
  const widths = fit(columns, naturalWidths(columns, cells), place.columns);
  const titles = columns.map(({ title }) => title);
  const colours = rows.map((row) =>
    columns.map(({ colour }) => (place.colour === true ? (colour?.(row) ?? null) : null)),
  );
  return [line(titles, widths, []), ...cells.map((row, index) => line(row, widths, colours[index] ?? []))];
}

function cellsOf<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { now }: TablePlace,
): readonly (readonly string[])[] {
  return rows.map((row) => columns.map(({ text }) => text(row, now)));
}

function line(cells: readonly string[], widths: readonly number[], colours: readonly (string | null)[]): string {
  const last = cells.length - 1;
  const padded = cells.map((cell, index) => {
    const shown = visibleCell(cell, widths[index] ?? 0);
    const padding = index === last ? '' : ' '.repeat(Math.max(0, (widths[index] ?? 0) - columnsOf(shown)));
    const colour = colours[index] ?? null;
    return `${colour === null ? shown : `\u001B[${colour}m${shown}\u001B[0m`}${padding}`;
  });
  return padded.join(GAP).trimEnd();
}

function naturalWidths<Row>(columns: readonly Column<Row>[], rows: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => columnsOf(visibleCell(row[index] ?? '', MAX_CELL)))),
  );
}

/** Takes from the widest column that can be cut, until the line fits. */
function fit<Row>(columns: readonly Column<Row>[], widths: number[], available: number | null): readonly number[] {
  if (available === null) return widths;
  while (lineWidth(widths) > available) {
    const widest = columns.reduce((best, { shrinksTo }, index) => {
      const room = shrinksTo === null ? 0 : (widths[index] ?? 0) - shrinksTo;
      if (room <= 0) return best;
      return best === -1 || (widths[index] ?? 0) > (widths[best] ?? 0) ? index : best;
    }, -1);
    if (widest === -1) return widths;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

/** Leaves columns out, one after another, while even the least widths do not fit. */
function dispense<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  place: TablePlace,
): readonly Column<Row>[] {
  const natural = naturalWidths(columns, cellsOf(rows, columns, place));
  const least = natural.map((width, index) => Math.min(width, columns[index]?.shrinksTo ?? width));
  if (lineWidth(least) <= (place.columns ?? 0)) return columns;
  const [first] = columns
    .filter(({ dispensable }) => dispensable !== undefined)
    .toSorted((left, right) => (right.dispensable ?? 0) - (left.dispensable ?? 0));
  return first === undefined
    ? columns
    : dispense(
        columns.filter((column) => column !== first),
        rows,
        place,
      );
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}
