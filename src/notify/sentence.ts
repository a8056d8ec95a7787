import type { Notice } from './notice.ts';

/** One line that says what happened. What was asked for stands in quotes, which nothing in it can end. */
export function sentenceOf(notice: Notice): string {
  return `${whatOf(notice)}: ${headOf(notice)}`;
}

/** What was asked for, in short. */
export function headOf({ actionCount, actions, agent, risk }: Notice): string {
  const [first] = actions;
  const what = `${quoted(first?.type ?? '')} on ${quoted(first?.target ?? '')}`;
  const amount = first?.amount ?? null;
  return [
    `${risk} risk`,
    actionCount === 1 ? what : `${actionCount} actions, first ${what}`,
    ...(amount === null ? [] : [`amount ${quoted(amount)}`]),
    ...(agent === '' ? [] : [`by ${quoted(agent)}`]),
  ].join(', ');
}

/** What happened, without a word of an agent. */
export function whatOf(notice: Notice): string {
  const { decision, given, name, needed, phase } = notice;
  if (notice.event === 'pending') return `${name} waits for ${needed} to approve until ${timeText(notice.expiresAt)}`;
  if (decision !== null) {
    if (decision.verdict === 'denied') return `${name} was denied`;
    return phase === 'approved' ? `${name} was approved` : `${name} was approved by ${given} of ${needed}`;
  }
  if (phase === 'consumed') return `${name} was used: its request was let through`;
  if (phase === 'void') return `${name} became void`;
  return given >= needed ? `${name} was approved and not used in time` : `${name} was not decided in time`;
}

/** RFC 3339 in UTC, to the second. */
export function timeText(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/u, 'Z');
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', String.raw`\"`)}"`;
}
