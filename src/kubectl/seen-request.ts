import { approvalRequestOf, type ApprovalRequestObject } from '../approval/kubernetes-object.ts';
import { readRecord, recordProblem } from '../approval/kubernetes-record.ts';
import { ApprovalStoreError } from '../approval/store-error.ts';
import type { ApprovalRecord } from '../model/approval.ts';

/** An ApprovalRequest as the API server gave it. */
export interface SeenRequest {
  readonly namespace: string;
  readonly name: string;
  /** As it was given, for the forms that programs read. */
  readonly raw: object;
  readonly object: ApprovalRequestObject;
  readonly record: ApprovalRecord;
  /** Why the gateway that is named as the requester would never use a grant of it; null when nothing is wrong. */
  readonly problem: string | null;
}

/** An object that this version cannot read: it is named, and nothing in it is shown as if it could be relied on. */
export interface UnreadableRequest {
  readonly namespace: string;
  readonly name: string;
  readonly unreadable: string;
}

export type Seen = SeenRequest | UnreadableRequest;

/** Reads an object of a list, a watch or a get. */
export function seenRequest(raw: unknown): Seen {
  try {
    const object = approvalRequestOf(raw);
    const record = readRecord(object);
    const { name, namespace } = object.metadata;
    return { namespace, name, raw: asObject(raw), object, record, problem: recordProblem(object, record) };
  } catch (error) {
    if (!(error instanceof ApprovalStoreError)) throw error;
    return { ...placeOf(raw), unreadable: error.message };
  }
}

export function isReadable(seen: Seen): seen is SeenRequest {
  return !('unreadable' in seen);
}

/** What tells one from another, across namespaces. */
export function keyOf({ name, namespace }: Pick<Seen, 'name' | 'namespace'>): string {
  return `${namespace}/${name}`;
}

/** Whether two answers are about the same request: its uid, and what is asked, which the API server lets nobody change. */
export function isSameRequest(left: SeenRequest, right: SeenRequest): boolean {
  return (
    left.object.metadata.uid === right.object.metadata.uid &&
    JSON.stringify(left.object.spec) === JSON.stringify(right.object.spec)
  );
}

function placeOf(raw: unknown): { readonly namespace: string; readonly name: string } {
  const metadata = memberOf(raw, 'metadata');
  const [name, namespace] = [memberOf(metadata, 'name'), memberOf(metadata, 'namespace')];
  return { name: typeof name === 'string' ? name : '', namespace: typeof namespace === 'string' ? namespace : '' };
}

/** A member of a value that came from outside; undefined where there is none. */
export function memberOf(value: unknown, member: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined;
  const members: { readonly [name: string]: unknown } = { ...value };
  return members[member];
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
