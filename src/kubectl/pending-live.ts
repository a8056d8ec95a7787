import { setTimeout as wait } from 'node:timers/promises';
import { visibleCell } from '../visible/cell.ts';
import { PendingFeed, type FeedWorld, type PendingSource, type Waiting } from './pending-feed.ts';
import { pendingOnly, pendingTable, warningLines } from './pending-page.ts';
import type { PluginIo, Terminal } from './plugin-io.ts';
import type { ColumnChoice } from './request-columns.ts';

/** The alternate screen without a cursor, and back (xterm control sequences 1049 and 25). */
const ENTER = '\u001B[?1049h\u001B[?25l\u001B[2J';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const END_OF_LINE = '\u001B[K';
const END_OF_SCREEN = '\u001B[J';
const CLEAR = '\u001B[2J';
/** Ages and expiries are in seconds. */
const REDRAW_MS = 1_000;
/** A terminal may have fewer lines; then there is nothing to see anyway. */
const MIN_LINES = 3;

/** What the live table shows. */
export interface LiveTable {
  readonly io: PluginIo;
  readonly terminal: Terminal;
  readonly source: PendingSource;
  readonly choice: ColumnChoice;
  /** What is looked at, for the last line: `in namespace agents`. */
  readonly place: string;
}

/** Draws the table of what waits until Ctrl-C, and leaves the last one behind. Rejects when the first list fails. */
export async function drawPending(table: LiveTable): Promise<void> {
  const { io, source, terminal } = table;
  const stop = new AbortController();
  const signal = AbortSignal.any([io.signal, stop.signal]);
  const feed = new PendingFeed(source, feedWorld(io, signal)).follow();
  const first = await feed.next();
  if (first.done === true) return;
  let waiting = first.value;
  const draw = (): void => io.stdout(HOME + screen(waiting, table));
  io.stdout(ENTER);
  try {
    draw();
    terminal.onResize(() => {
      io.stdout(CLEAR);
      draw();
    }, signal);
    const timer = setInterval(draw, REDRAW_MS);
    try {
      for await (const next of feed) {
        waiting = next;
        draw();
      }
    } finally {
      clearInterval(timer);
    }
  } finally {
    stop.abort();
    io.stdout(LEAVE);
  }
  io.stdout(
    tableLinesOf(waiting, table)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** The world of a feed that ends with a signal. */
export function feedWorld({ clock }: PluginIo, signal: AbortSignal): FeedWorld {
  return {
    signal,
    monotonic: () => clock.monotonic(),
    sleep: async (milliseconds, until) => {
      await wait(milliseconds, undefined, { signal: until }).catch(() => undefined);
    },
  };
}

/** The page as far as the terminal has lines for it. */
function screen(waiting: Waiting, table: LiveTable): string {
  const { rows } = table.terminal.size();
  const lines = pageLines(waiting, table);
  const last = lines.at(-1) ?? '';
  const room = Math.max(MIN_LINES, rows) - 1;
  const over = lines.length - 1 - room;
  const shown = over > 0 ? [...lines.slice(0, room - 1), `... and ${over + 1} more lines`] : lines.slice(0, -1);
  return [...shown, last].map((line) => line + END_OF_LINE).join('\n') + END_OF_SCREEN;
}

function pageLines(waiting: Waiting, table: LiveTable): readonly string[] {
  const { columns } = table.terminal.size();
  const { requests, trouble } = waiting;
  const count = pendingOnly(requests).length;
  const state =
    trouble === null
      ? 'Ctrl-C ends'
      : `not up to date, tries again in ${Math.ceil(trouble.retryMs / 1_000)} s: ${trouble.problem}`;
  const footer = `${count === 0 ? 'nothing waits' : `${count} waiting`} ${table.place}; ${state}`;
  return [...tableLinesOf(waiting, table), visibleCell(footer, columns)];
}

function tableLinesOf({ requests }: Waiting, { choice, io, terminal }: LiveTable): readonly string[] {
  const { columns } = terminal.size();
  return [
    ...pendingTable(requests, choice, { now: io.clock.now(), columns, colour: io.colour }),
    ...warningLines(requests, columns),
  ];
}
