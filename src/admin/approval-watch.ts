import type { Response } from 'express';
import type { ApprovalRecord } from '../model/approval.ts';
import type { ApprovalStore } from '../model/ports.ts';

/** People notice nothing faster; a look reads one page of the list. */
const WATCH_INTERVAL_MS = 500;
/** A person watches in one terminal or two. */
const MAX_WATCHERS = 16;
/** How many approvals a watcher sees; those beyond are older than anything that he could still decide. */
const WATCHED = 500;
/** A watcher that does not read is cut off before its backlog costs memory. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

interface Watcher {
  readonly response: Response;
  readonly seen: Map<string, string>;
}

/** Streams approvals as JSON lines: first those that are live, then each that changes. */
export class ApprovalWatch {
  readonly #approvals: Pick<ApprovalStore, 'list'>;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(approvals: Pick<ApprovalStore, 'list'>) {
    this.#approvals = approvals;
  }

  /** Adds a watcher; false when there are as many as may be. Rejects when the approvals cannot be read. */
  async add(response: Response): Promise<boolean> {
    if (this.#watchers.size >= MAX_WATCHERS) return false;
    const watcher: Watcher = { response, seen: new Map() };
    this.#watchers.add(watcher);
    response.once('close', () => this.#remove(watcher));
    try {
      const approvals = await this.#list();
      response.status(200).set('Content-Type', 'application/x-ndjson');
      response.flushHeaders();
      for (const approval of approvals) {
        if (isLive(approval)) write(watcher, approval);
        watcher.seen.set(approval.name, signOf(approval));
      }
    } catch (error) {
      this.#remove(watcher);
      throw error;
    }
    if (this.#watchers.has(watcher)) this.#timer ??= setInterval(() => this.#look(), WATCH_INTERVAL_MS);
    return true;
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    for (const { response } of this.#watchers) response.end();
    this.#stop();
    await this.#looking;
  }

  #look(): void {
    this.#looking = this.#looking.then(() => this.#tellAll());
  }

  async #tellAll(): Promise<void> {
    try {
      const approvals = await this.#list();
      for (const watcher of this.#watchers) tell(watcher, approvals);
    } catch {
      // The stream ends; whoever watches asks again and is told what is wrong.
      for (const { response } of this.#watchers) response.end();
    }
  }

  /** The oldest first, as they came. */
  async #list(): Promise<readonly ApprovalRecord[]> {
    return (await this.#approvals.list({ phases: null, limit: WATCHED })).toReversed();
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#stop();
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function tell(watcher: Watcher, approvals: readonly ApprovalRecord[]): void {
  const names = new Set(approvals.map(({ name }) => name));
  for (const name of watcher.seen.keys()) if (!names.has(name)) watcher.seen.delete(name);
  for (const approval of approvals) {
    const sign = signOf(approval);
    if (watcher.seen.get(approval.name) === sign) continue;
    watcher.seen.set(approval.name, sign);
    write(watcher, approval);
  }
}

function write({ response }: Watcher, approval: ApprovalRecord): void {
  if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
  else if (response.writable) response.write(`${JSON.stringify(approval)}\n`);
}

/** Changes whenever there is something new to say of an approval. */
function signOf({ decisions, phase, uses }: ApprovalRecord): string {
  return `${phase} ${decisions.length} ${uses}`;
}

function isLive({ phase }: ApprovalRecord): boolean {
  return phase === 'pending' || phase === 'approved';
}
