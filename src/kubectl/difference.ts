import { amountOf } from '../cli/approvals-words.ts';
import type { ApprovalRecord } from '../model/approval.ts';
import type { ActionView } from '../model/record.ts';
import type { Json } from '../model/value.ts';

/** A member that is not the same in two requests; null stands for one that is not there. */
export interface Change {
  /** What it is: a word for what belongs to the request, a JSON pointer (RFC 6901) for a parameter. */
  readonly member: string;
  readonly before: { readonly value: Json } | null;
  readonly after: { readonly value: Json } | null;
}

/** How two requests differ. */
export interface Difference {
  readonly changes: readonly Change[];
  /** The words for what is the same in both. */
  readonly same: readonly string[];
}

/** Values that are nested deeper are not compared: they count as different. */
const MAX_DEPTH = 64;

type Members = { readonly [name: string]: Json };

/** Compares what two requests ask, and under what they were judged, member by member. */
export function differenceOf(before: ApprovalRecord, after: ApprovalRecord): Difference {
  const [left, right] = [wholeOf(before), wholeOf(after)];
  const members = Object.keys(right);
  const same = members.filter((member) => left[member] === right[member]);
  const whole = members
    .filter((member) => !same.includes(member))
    .map((member): Change => ({
      member,
      before: { value: left[member] ?? null },
      after: { value: right[member] ?? null },
    }));
  const actions = actionChanges(before.ask.actions, after.ask.actions);
  return { changes: [...actions, ...whole], same: actions.length === 0 ? [...same, 'actions and parameters'] : same };
}

function wholeOf({ ask }: ApprovalRecord): Members {
  const { binding, request, terms } = ask;
  return {
    rule: ask.rule,
    risk: ask.riskLevel,
    'approvers needed': terms.approvers,
    scope: terms.scope,
    agent: ask.agentId,
    method: request.method,
    URL: request.url,
    policy: `sha256:${binding.policyDigest}`,
    'action map': `sha256:${binding.actionMapDigest}`,
    credential: binding.credentialGeneration,
    body:
      request.bodyBytes === null || request.bodyBytes === 0
        ? 'none'
        : `${request.bodyBytes} bytes, sha256:${request.bodyDigest ?? 'unknown'}`,
    headers: `sha256:${binding.headersDigest}`,
  };
}

function actionChanges(before: readonly ActionView[], after: readonly ActionView[]): readonly Change[] {
  const most = Math.max(before.length, after.length);
  return Array.from({ length: most }, (_, index) => index).flatMap((index) => {
    const prefix = most === 1 ? '' : `action ${index + 1}: `;
    return oneActionChanges(before[index], after[index]).map((change) => ({
      ...change,
      member: prefix + change.member,
    }));
  });
}

function oneActionChanges(before: ActionView | undefined, after: ActionView | undefined): readonly Change[] {
  const [left, right] = [actionMembers(before), actionMembers(after)];
  const members = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  const changes = members.flatMap((member) => changeOf(member, sideOf(left, member), sideOf(right, member)));
  return [...changes, ...jsonChanges('', paramsOf(before), paramsOf(after))];
}

function paramsOf(action: ActionView | undefined): { readonly value: Json } | null {
  return action === undefined ? null : { value: action.params };
}

function actionMembers(action: ActionView | undefined): Members {
  if (action === undefined) return {};
  const { description, effect, mappedBy, target, type } = action;
  return { type, target, effect, amount: amountOf(action), description, 'mapped by': mappedBy };
}

function sideOf(members: Members, member: string): { readonly value: Json } | null {
  return Object.hasOwn(members, member) ? { value: members[member] ?? null } : null;
}

function changeOf(member: string, before: Change['before'], after: Change['after']): readonly Change[] {
  return before?.value === after?.value ? [] : [{ member, before, after }];
}

interface Pair {
  readonly pointer: string;
  readonly before: Change['before'];
  readonly after: Change['after'];
}

/** The parameters that differ, each by its pointer. */
function jsonChanges(pointer: string, before: Change['before'], after: Change['after'], depth = 0): readonly Change[] {
  if (before === null || after === null) return before === after ? [] : [{ member: pointer || '/', before, after }];
  const [left, right] = [before.value, after.value];
  if (left === right) return [];
  const pairs = depth < MAX_DEPTH ? pairsOf(pointer, left, right) : null;
  if (pairs === null) return [{ member: pointer || '/', before, after }];
  return pairs.flatMap((pair) => jsonChanges(pair.pointer, pair.before, pair.after, depth + 1));
}

/** The members or items of two values of one shape; null where the shapes differ. */
function pairsOf(pointer: string, left: Json, right: Json): readonly Pair[] | null {
  if (isList(left) && isList(right)) {
    return Array.from({ length: Math.max(left.length, right.length) }, (_, index) => ({
      pointer: `${pointer}/${index}`,
      before: itemOf(left, index),
      after: itemOf(right, index),
    }));
  }
  if (!isMembers(left) || !isMembers(right)) return null;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].sort().map((name) => ({
    pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    before: sideOf(left, name),
    after: sideOf(right, name),
  }));
}

function itemOf(list: readonly Json[], index: number): Change['before'] {
  return index < list.length ? { value: list[index] ?? null } : null;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
