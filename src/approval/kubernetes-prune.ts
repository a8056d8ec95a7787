import { isStatus } from '../kubernetes/api-error.ts';
import { approvalRequestOf, type ApprovalRequestObject } from './kubernetes-object.ts';
import type { ApprovalRequests } from './kubernetes-requests.ts';
import { ApprovalStoreError } from './store-error.ts';

/** What is pruned. Times in milliseconds. */
export interface PruneOptions {
  readonly now: number;
  /** How long ago a request has to have ended. */
  readonly olderThanMs: number;
  /** Only say what would be deleted. */
  readonly dryRun: boolean;
}

/** What became of the requests of a namespace. */
export interface Pruned {
  /** Names that were deleted, or would be. */
  readonly deleted: readonly string[];
  /** Pending or granted, whatever their age. */
  readonly live: number;
  /** Ended, but not long enough ago. */
  readonly kept: number;
  /** Names of those that the API server did not let go, and why. */
  readonly refused: ReadonlyMap<string, string>;
  /** Names of objects that are no ApprovalRequests as this version knows them, and of those that changed meanwhile. */
  readonly left: readonly string[];
}

/**
 * Deletes what ended long ago, whoever asked for it; never what is pending or granted. Rejects with `ApprovalStoreError`
 * when the server cannot be asked.
 */
export async function pruneRequests(requests: ApprovalRequests, options: PruneOptions): Promise<Pruned> {
  const { items } = await requests.list({});
  const deleted: string[] = [];
  const left: string[] = [];
  const refused = new Map<string, string>();
  let live = 0;
  let kept = 0;
  for (const item of items) {
    const object = readable(item);
    if (object === null) left.push(nameOf(item));
    else if (isLive(object)) live += 1;
    else if (endedAt(object) > options.now - options.olderThanMs) kept += 1;
    else {
      const problem = options.dryRun ? null : await remove(requests, object);
      if (problem === null) deleted.push(object.metadata.name);
      else if (problem === 'changed') left.push(object.metadata.name);
      else refused.set(object.metadata.name, problem);
    }
  }
  return { deleted, live, kept, left, refused };
}

/** For exactly the version that was looked at: what became live meanwhile stays. */
async function remove(requests: ApprovalRequests, { metadata }: ApprovalRequestObject): Promise<string | null> {
  const { name, resourceVersion, uid } = metadata;
  try {
    return (await requests.remove(name, { uid, resourceVersion })) ? null : 'changed';
  } catch (error) {
    if (error instanceof ApprovalStoreError && isStatus(error.cause, 403)) return error.message;
    throw error;
  }
}

function isLive({ status }: ApprovalRequestObject): boolean {
  return status.phase === 'Pending' || status.phase === 'Approved';
}

function endedAt({ metadata, status }: ApprovalRequestObject): number {
  return Math.max(status.endedAt ?? metadata.creationTimestamp, metadata.creationTimestamp);
}

function readable(item: unknown): ApprovalRequestObject | null {
  try {
    return approvalRequestOf(item);
  } catch {
    return null;
  }
}

function nameOf(item: unknown): string {
  const metadata: unknown = Reflect.get(Object(item), 'metadata');
  return String(Reflect.get(Object(metadata), 'name'));
}
