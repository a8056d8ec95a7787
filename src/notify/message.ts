import { createHash } from 'node:crypto';
import type { NoticeEvent } from '../config/notify-schema.ts';
import { newsUntil, type Notice } from './notice.ts';

/** What one message to a target tells: one notice, or in short what there is no room to tell one by one. */
export type Message =
  | { readonly kind: 'notice'; readonly id: string; readonly until: number; readonly notice: Notice }
  | { readonly kind: 'summary'; readonly id: string; readonly until: number; readonly summary: Summary };

/** Several notices, told together. */
export interface Summary {
  /** When it was put together, in milliseconds since the epoch. */
  readonly at: number;
  /** How many of each. */
  readonly counts: Counts;
  /** The approvals that wait, those that end first before others; as many as a message has room for. */
  readonly names: readonly string[];
  /** When the first of them ends, in milliseconds since the epoch; null when none waits. */
  readonly firstEnd: number | null;
}

export type Counts = { readonly [event in NoticeEvent]: number };

/** Enough to begin with; a list has them all. */
const MAX_NAMES = 20;

export function messageOf(notice: Notice): Message {
  return { kind: 'notice', id: notice.id, until: newsUntil(notice), notice };
}

/** Puts notices into one message; `beyond` counts those that there was no room to keep. */
export function summaryOf(notices: readonly Notice[], beyond: Counts, now: number): Message {
  const waiting = notices
    .filter(({ event }) => event === 'pending')
    .toSorted((left, right) => left.expiresAt - right.expiresAt);
  const counts = countsOf(notices);
  const digest = createHash('sha256').update(JSON.stringify([notices.map(({ id }) => id), beyond, now]));
  return {
    kind: 'summary',
    id: `summary/${digest.digest('hex').slice(0, 32)}`,
    until: Math.max(now, ...notices.map(newsUntil)),
    summary: {
      at: now,
      counts: {
        pending: counts.pending + beyond.pending,
        decided: counts.decided + beyond.decided,
        ended: counts.ended + beyond.ended,
      },
      names: waiting.slice(0, MAX_NAMES).map(({ name }) => name),
      firstEnd: waiting[0]?.expiresAt ?? null,
    },
  };
}

function countsOf(notices: readonly Pick<Notice, 'event'>[]): Counts {
  const count = (wanted: NoticeEvent): number => notices.filter(({ event }) => event === wanted).length;
  return { pending: count('pending'), decided: count('decided'), ended: count('ended') };
}

/** `12 more requests wait for a decision; 3 decisions; 1 ended`. */
export function summaryText({ decided, ended, pending }: Counts): string {
  return [
    ...(pending === 0 ? [] : [`${pending} more ${pending === 1 ? 'request waits' : 'requests wait'} for a decision`]),
    ...(decided === 0 ? [] : [`${decided} more ${decided === 1 ? 'decision' : 'decisions'}`]),
    ...(ended === 0 ? [] : [`${ended} more ended`]),
  ].join('; ');
}
