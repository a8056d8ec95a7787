import type { Json } from '../model/value.ts';
import { commandsFor, listCommands, type DecidingPlace } from './commands.ts';
import { summaryText, type Message, type Summary } from './message.ts';
import { withoutParams, type Notice } from './notice.ts';
import { sentenceOf } from './sentence.ts';

/** CloudEvents 1.0, HTTP protocol binding, structured content mode. */
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json; charset=utf-8';

/** What every receiver and everything in between has to take (CloudEvents 1.0, size limits). */
const MOST_BYTES = 64 * 1024;

/** Where events come from, and where people decide. */
export interface EventPlace {
  /** A URI-reference that names the workload of the gateway: all of its replicas have the same. */
  readonly source: string;
  readonly place: DecidingPlace;
}

/** A message as the body of a request: JSON in printable ASCII, the same for the same message. */
export function cloudEventOf(message: Message, { place, source }: EventPlace): Buffer {
  if (message.kind === 'summary') return event(message.id, source, summaryMembers(message.summary, place));
  const { notice } = message;
  const whole = event(message.id, source, noticeMembers(notice, place));
  return whole.length <= MOST_BYTES ? whole : event(message.id, source, noticeMembers(withoutParams(notice), place));
}

interface Members {
  readonly type: string;
  readonly subject?: string;
  readonly at: number;
  readonly data: Json;
}

function event(id: string, source: string, { at, data, type, subject }: Members): Buffer {
  const attributes = {
    specversion: '1.0',
    id,
    source,
    type,
    ...(subject === undefined ? {} : { subject }),
    time: timeOf(at),
    datacontenttype: 'application/json',
    data,
  };
  return Buffer.from(JSON.stringify(attributes).replaceAll(/[^ -~]/gu, escaped));
}

function noticeMembers(notice: Notice, place: DecidingPlace): Members {
  const { actionCount, actions, agent, createdAt, decision, expiresAt, given, needed } = notice;
  const [first = null] = actions;
  const data = {
    text: sentenceOf(notice),
    name: notice.name,
    namespace: place.kind === 'kubernetes' ? place.namespace : null,
    phase: notice.phase,
    fingerprint: notice.fingerprint,
    agent,
    risk: notice.risk,
    rule: notice.rule,
    reason: notice.why,
    action: first?.type ?? '',
    target: first?.target ?? '',
    amount: first?.amount ?? null,
    request: notice.request,
    actions: actions.map((action) => ({ ...action })),
    action_count: actionCount,
    scope: notice.scope,
    approvers: { given, needed },
    created_at: timeOf(createdAt),
    expires_at: timeOf(expiresAt),
    before: notice.before,
    decision: decision === null ? null : { ...decision },
    void_reason: notice.voidReason,
    commands: commandsOf(notice, place),
  };
  return { type: `dev.aegis.approval.${notice.event}`, subject: notice.name, at: notice.at, data };
}

/** Those with which somebody decides only while that is to be done. */
function commandsOf(notice: Notice, place: DecidingPlace): Json {
  const { approve, deny, kubectl, show } = commandsFor(place, notice);
  if (notice.phase !== 'pending') return { show };
  return kubectl === null
    ? { show, approve, deny }
    : { show, approve, deny, kubectl_show: kubectl.show, kubectl_approve: kubectl.approve };
}

function summaryMembers({ at, counts, firstEnd, names }: Summary, place: DecidingPlace): Members {
  const data = {
    text: summaryText(counts),
    namespace: place.kind === 'kubernetes' ? place.namespace : null,
    counts: { ...counts },
    names,
    first_expires_at: firstEnd === null ? null : timeOf(firstEnd),
    commands: { list: listCommands(place)[0] ?? '' },
  };
  return { type: 'dev.aegis.approval.summary', at, data };
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
