import type { ApprovalRecord } from '../model/approval.ts';
import type { ActionView } from '../model/record.ts';
import type { Json } from '../model/value.ts';

const SECOND_MS = 1_000;
const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
];

/** A duration as people say it, in its two largest units: `1h5m`, `42s`; `0s` for none or less. */
export function durationText(milliseconds: number): string {
  let seconds = Math.max(0, Math.floor(milliseconds / SECOND_MS));
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first === -1) return '0s';
  const parts: string[] = [];
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(seconds / size);
    if (count > 0) parts.push(`${count}${unit}`);
    seconds -= count * size;
  }
  return parts.join('');
}

/** RFC 3339 in UTC, to the second. */
export function timeText(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/u, 'Z');
}

/** The phase that holds at this moment: what is overdue has expired, whether or not the gateway has swept it up. */
export function phaseAt({ expiresAt, phase }: ApprovalRecord, now: number): ApprovalRecord['phase'] {
  return (phase === 'pending' || phase === 'approved') && expiresAt <= now ? 'expired' : phase;
}

/** The amount of an action as text; null when the action map names none or it is not there. */
export function amountOf({ amountParam, params }: ActionView): string | null {
  if (amountParam === null || !isMembers(params) || !Object.hasOwn(params, amountParam)) return null;
  const amount = params[amountParam];
  return typeof amount === 'string' ? amount : JSON.stringify(amount);
}

/** `1 of 2 approvals`. */
export function countText({ ask, decisions }: ApprovalRecord): string {
  const given = decisions.filter(({ verdict }) => verdict === 'approved').length;
  const needed = ask.terms.approvers;
  return `${given} of ${needed} approval${needed === 1 ? '' : 's'}`;
}

/** What a grant lets pass. */
export function scopeText({ ask }: ApprovalRecord): string {
  const { scope } = ask.terms;
  switch (scope) {
    case 'once':
      return 'this request, once';
    case 'action':
      return 'this request and every request with the same actions to the same server, until the grant ends';
    case 'target':
      return 'every request with the same types of action on the same targets at the same server, until the grant ends';
    default:
      return scope satisfies never;
  }
}

function isMembers(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
