import type { Digest } from '../../../src/model/brand.ts';
import type { DecisionView, RecordBody, RequestView } from '../../../src/model/record.ts';
import type { Clock, Log, LogFields } from '../../../src/model/ports.ts';
import { CHAIN_START } from '../../../src/audit/chain.ts';

/** 2026-01-15T12:00:00Z, a Thursday. */
export const NOON = Date.UTC(2026, 0, 15, 12);

export const ZERO_DIGEST: Digest = CHAIN_START.hash;

type IntentBody = Extract<RecordBody, { kind: 'intent' }>;
type RefusalBody = Extract<RecordBody, { kind: 'refusal' }>;

const request: RequestView = {
  entry: 'route',
  route: 'tickets',
  method: 'POST',
  url: 'https://tickets.example/v1/refunds',
  bodyDigest: null,
  bodyBytes: 120,
};

const decision: DecisionView = {
  approval: 'auto',
  riskLevel: 'low',
  rule: 'reads',
  why: 'rule reads says auto (risk low)',
  policyDigest: ZERO_DIGEST,
  violations: [],
  observed: [],
};

export function intent(exchangeId: string, change: Partial<IntentBody> = {}): IntentBody {
  return {
    kind: 'intent',
    exchangeId,
    agentId: 'agent-a',
    enforcement: 'cooperative',
    request,
    actions: [action('refund', { amount: 12, order: 'A-17' })],
    steps: [{ type: 'refund', riskLevel: 'low' }],
    decision,
    approval: null,
    ...change,
  };
}

export function action(
  type: string,
  params: IntentBody['actions'][number]['params'] = {},
): IntentBody['actions'][number] {
  return { type, target: 'tickets.example', params, description: '', effect: null, amountParam: null, mappedBy: null };
}

export function decisionOf(change: Partial<DecisionView>): DecisionView {
  return { ...decision, ...change };
}

export function outcome(exchangeId: string, status = 200): RecordBody {
  return {
    kind: 'outcome',
    exchangeId,
    result: 'success',
    status,
    fault: null,
    detail: '',
    bytesSent: 120,
    bytesReceived: 40,
    durationMs: 12,
  };
}

export function refusal(exchangeId: string, change: Partial<RefusalBody> = {}): RefusalBody {
  return {
    kind: 'refusal',
    exchangeId,
    agentId: 'agent-a',
    enforcement: 'cooperative',
    request,
    actions: [action('delete', { count: 400 })],
    decision: decisionOf({ approval: 'block', riskLevel: 'critical', rule: 'no-bulk-delete' }),
    approval: null,
    fault: 'policy-block',
    detail: 'rule no-bulk-delete says block (risk critical)',
    ...change,
  };
}

export function lifecycle(detail: string): RecordBody {
  return { kind: 'lifecycle', event: 'started', detail, data: {} };
}

/** A clock that stands still until it is moved. */
export function fixedClock(at = NOON): Clock & { advance(ms: number): void } {
  let offset = 0;
  return {
    now: () => at + offset,
    monotonic: () => offset,
    advance(ms) {
      offset += ms;
    },
  };
}

/** Ids that count up. */
export function countingIds(prefix = 'r'): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count}`;
  };
}

/** A log that keeps its lines. */
export function keptLog(): Log & { readonly events: string[]; readonly lines: { event: string; fields: LogFields }[] } {
  const events: string[] = [];
  const lines: { event: string; fields: LogFields }[] = [];
  const keep = (event: string, fields: LogFields = {}): void => {
    events.push(event);
    lines.push({ event, fields });
  };
  return { events, lines, info: keep, warn: keep, error: keep };
}
