import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocalStore, type LocalStore } from '../../src/approval/local-store.ts';
import { fingerprintOf } from '../../src/binding/fingerprint.ts';
import type { ApprovalAsk, Binding } from '../../src/model/approval.ts';
import type { Digest } from '../../src/model/brand.ts';
import type { ApprovalTerms } from '../../src/model/decision.ts';
import type { Clock } from '../../src/model/ports.ts';

export const sha256 = (text: string): Digest => createHash('sha256').update(text).digest('hex') as Digest;

export const MINUTE_MS = 60_000;
export const TTL_MS = 15 * MINUTE_MS;
export const GRANT_MS = 10 * MINUTE_MS;

/** A clock that tests set. */
export class SetClock implements Clock {
  time = Date.parse('2026-11-24T08:00:00Z');
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  forward(ms: number): void {
    this.time += ms;
  }
}

const ONCE: ApprovalTerms = { approvers: 1, scope: 'once', ttlMs: null, waitMs: null, forMs: null };

let asked = 0;

export interface AskChanges {
  readonly binding?: Partial<Binding>;
  readonly terms?: Partial<ApprovalTerms>;
  readonly rest?: Partial<ApprovalAsk>;
}

/** An ask for a refund; each has its own exchange. */
export function askOf({ binding, terms, rest }: AskChanges = {}): ApprovalAsk {
  asked += 1;
  const whole: Binding = {
    method: 'POST',
    urlDigest: sha256('https://pay.example/refunds'),
    bodyDigest: sha256('{"amount":50}'),
    headersDigest: sha256('[]'),
    actionDigest: sha256('refund 50'),
    agentId: 'shop',
    policyDigest: sha256('policy 1'),
    actionMapDigest: sha256('map 1'),
    credentialGeneration: '',
    ...binding,
  };
  return {
    fingerprint: fingerprintOf(whole),
    binding: whole,
    agentId: whole.agentId,
    request: {
      entry: 'forward-proxy',
      route: null,
      method: whole.method,
      url: 'https://pay.example/refunds',
      bodyDigest: whole.bodyDigest,
      bodyBytes: 13,
    },
    actions: [
      {
        type: 'refund',
        target: 'payments',
        params: { amount: 50, order: 'A-17' },
        description: 'refund an order',
        effect: 'irreversible',
        amountParam: 'amount',
        mappedBy: 'actions.yaml:3',
      },
    ],
    rule: 'refunds',
    why: 'rule refunds says approve (risk high)',
    riskLevel: 'high',
    terms: { ...ONCE, ...terms },
    exchangeId: `exchange-${asked}`,
    ...rest,
  };
}

/** A store in a folder of its own; disposing it removes both. */
export interface TemporaryStore extends Disposable {
  readonly store: LocalStore;
  readonly clock: SetClock;
  readonly file: string;
  /** Closes the store and opens it again, as a restart does. */
  reopen(): LocalStore;
}

export function temporaryStore(retentionMs = 30 * 24 * 60 * MINUTE_MS): TemporaryStore {
  const folder = mkdtempSync(join(tmpdir(), 'aegis-approvals-'));
  const file = join(folder, 'data', 'approvals.db');
  const clock = new SetClock();
  let store = openLocalStore({ file, clock, retentionMs });
  return {
    get store() {
      return store;
    },
    clock,
    file,
    reopen: () => {
      store[Symbol.dispose]();
      store = openLocalStore({ file, clock, retentionMs });
      return store;
    },
    [Symbol.dispose]: () => {
      store[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
