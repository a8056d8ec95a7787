import { createHash } from 'node:crypto';
import type { NoticeEvent } from '../config/notify-schema.ts';
import type { ApprovalPhase, ApprovalRecord } from '../model/approval.ts';
import type { ActionView, RecordBody } from '../model/record.ts';
import type { Json } from '../model/value.ts';
import { visibleJson } from '../visible/json.ts';
import { makeVisible } from '../visible/text.ts';

/** What happened to an approval, as the audit trail has it. */
export type ApprovalEvent = Extract<RecordBody, { kind: 'approval' }>;

/** An action as a notice shows it. */
export interface NoticeAction {
  readonly type: string;
  readonly target: string;
  readonly amount: string | null;
  readonly effect: string | null;
  readonly description: string;
  /** JSON made visible, over several lines where it is long; null where it is too long to be told, or was not read. */
  readonly params: string | null;
}

/**
 * What people are told of one approval. Every text that an agent or a person wrote has been made visible, and is of
 * bounded length; what was redacted stays redacted.
 */
export interface Notice {
  readonly event: NoticeEvent;
  /** The same however often it is told, also by another replica or after a restart. */
  readonly id: string;
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number;
  readonly name: string;
  readonly fingerprint: string;
  /** What the approval is from then on. */
  readonly phase: ApprovalPhase;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly agent: string;
  readonly risk: string;
  readonly rule: string;
  readonly why: string;
  readonly scope: string;
  readonly given: number;
  readonly needed: number;
  readonly request: string;
  readonly actions: readonly NoticeAction[];
  /** How many actions the request has, those that are not shown included. */
  readonly actionCount: number;
  /** The approval of the same request before this one, and how it ended; null for the first. */
  readonly before: string | null;
  /** Who decided what; null for every other event. */
  readonly decision: {
    readonly approver: string;
    readonly verdict: 'approved' | 'denied';
    readonly reason: string;
  } | null;
  /** Why it became void; empty otherwise. */
  readonly voidReason: string;
}

/** More actions than this nobody reads in a message; their number is told. */
const MAX_ACTIONS = 10;
/** The parameters of all actions together, in characters of JSON: a screen or two. */
const MAX_PARAMS_CHARACTERS = 4_096;
const SHORT_CHARACTERS = 200;
const LONG_CHARACTERS = 500;
const ID_DIGITS = 16;

/** What a target is told of an event; null for a use of a grant, which ends nothing. */
export function noticeEventOf({ event }: ApprovalEvent): NoticeEvent | null {
  switch (event) {
    case 'requested':
      return 'pending';
    case 'decided':
      return 'decided';
    case 'consumed':
    case 'expired':
    case 'voided':
      return 'ended';
    case 'used':
      return null;
    default:
      return event satisfies never;
  }
}

/** The event of an approval that waits, for whoever has not heard of it. */
export function pendingEventOf({ ask, name }: ApprovalRecord): ApprovalEvent {
  const { exchangeId, fingerprint } = ask;
  const nobody = { approver: '', verdict: null, reason: '' };
  return { kind: 'approval', event: 'requested', exchangeId, approval: name, fingerprint, ...nobody };
}

/**
 * Makes the notice of an event; `approval` is as it was when that happened. Takes 0.1 ms of a usual request, and 10 ms of one
 * that is as large as a store takes.
 */
export function noticeOf(event: ApprovalEvent, approval: ApprovalRecord, now: number): Notice | null {
  const kind = noticeEventOf(event);
  if (kind === null) return null;
  const { ask, createdAt, expiresAt, name, predecessor } = approval;
  const given = approversOf(event, approval).size;
  const needed = ask.terms.approvers;
  return {
    event: kind,
    id: idOf(event, approval),
    at: kind === 'pending' ? createdAt : now,
    name,
    fingerprint: ask.fingerprint,
    phase: phaseAfter(event, given >= needed),
    createdAt,
    expiresAt,
    agent: short(ask.agentId),
    risk: ask.riskLevel,
    rule: short(ask.rule),
    why: long(ask.why),
    scope: ask.terms.scope,
    given,
    needed,
    request: `${short(ask.request.method)} ${long(ask.request.url)}`,
    actions: actionsOf(ask.actions),
    actionCount: ask.actions.length,
    before: predecessor === null ? null : `${predecessor.name} ${predecessor.phase}`,
    decision: decisionOf(event),
    voidReason: event.event === 'voided' ? short(event.reason) : '',
  };
}

/** The same where the parameters of the actions were not read, or take too much room. */
export function withoutParams(notice: Notice): Notice {
  return { ...notice, actions: notice.actions.map((action) => ({ ...action, description: '', params: null })) };
}

/** Until when a notice is news, in milliseconds since the epoch. */
export function newsUntil({ at, event, expiresAt }: Notice): number {
  return event === 'pending' ? expiresAt : at + STALE_MS;
}

/** Who hears of a decision later than this has seen what came of it. */
const STALE_MS = 900_000;

function approversOf(event: ApprovalEvent, { decisions }: ApprovalRecord): ReadonlySet<string> {
  const said = [...decisions, { approver: event.approver, verdict: event.verdict }];
  return new Set(said.filter(({ verdict }) => verdict === 'approved').map(({ approver }) => approver));
}

function phaseAfter({ event, verdict }: ApprovalEvent, enough: boolean): ApprovalPhase {
  switch (event) {
    case 'requested':
      return 'pending';
    case 'decided':
      if (verdict === 'denied') return 'denied';
      return enough ? 'approved' : 'pending';
    case 'used':
      return 'approved';
    case 'voided':
      return 'void';
    case 'consumed':
    case 'expired':
      return event;
    default:
      return event satisfies never;
  }
}

/**
 * A name comes again when its approval was forgotten; the exchange that asked does not, and all replicas know it. Of one
 * approval, each event happens once, but for decisions, which each have another approver.
 */
function idOf({ approver, event }: ApprovalEvent, { ask, name }: ApprovalRecord): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([ask.exchangeId, event, approver]))
    .digest('hex');
  return `${name}/${event}/${digest.slice(0, ID_DIGITS)}`;
}

function decisionOf({ approver, reason, verdict }: ApprovalEvent): Notice['decision'] {
  return verdict === null ? null : { approver: short(approver), verdict, reason: long(reason) };
}

function actionsOf(actions: readonly ActionView[]): readonly NoticeAction[] {
  let left = MAX_PARAMS_CHARACTERS;
  return actions.slice(0, MAX_ACTIONS).map((action) => {
    const { description, effect, params, target, type } = action;
    left -= JSON.stringify(params).length;
    const amount = amountOf(action);
    return {
      type: short(type),
      target: short(target),
      amount: amount === null ? null : short(amount),
      effect,
      description: short(description),
      params: left < 0 ? null : visibleJson(params, { width: 80 }),
    };
  });
}

function amountOf({ amountParam, params }: ActionView): string | null {
  if (amountParam === null || !isMembers(params) || !Object.hasOwn(params, amountParam)) return null;
  const amount = params[amountParam];
  return typeof amount === 'string' ? amount : JSON.stringify(amount ?? null);
}

function isMembers(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function short(text: string): string {
  return makeVisible(text, { limit: SHORT_CHARACTERS, rightToLeft: 'escape' });
}

function long(text: string): string {
  return makeVisible(text, { limit: LONG_CHARACTERS, rightToLeft: 'escape' });
}
