import { formatDuration, parseDuration } from '../document/quantity.ts';
import {
  APPROVAL_SCOPES,
  APPROVALS,
  RISK_LEVELS,
  type Approval,
  type ApprovalScope,
  type ApprovalTerms,
  type RiskLevel,
} from '../model/decision.ts';
import { isMap, type Value, type ValueMap } from '../model/value.ts';
import { PLAIN_TERMS } from './policy.ts';
import { show, type Path, type Reading } from './section.ts';

export const APPROVAL_KEYS = ['approvers', 'ttl', 'wait', 'scope', 'for'] as const;

/** More people than can be found in time; larger numbers are mistakes. */
export const MAX_APPROVERS = 16;
/** An approver needs some seconds at least. */
const MIN_TTL_MS = 5_000;
/** What was asked a week ago is no longer what the approver looks at. */
const MAX_TTL_MS = 7 * 86_400_000;
/** Clients and proxies between give a silent connection up after some minutes. */
const MAX_WAIT_MS = 15 * 60_000;
/** A grant that holds longer is a policy, and belongs into one. */
const MAX_FOR_MS = 24 * 3_600_000;

/** A risk level in any letter case, as Aegis reads it; null when absent or wrong, the latter reported. */
export function readRiskLevel(reading: Reading, value: Value | undefined, path: Path): RiskLevel | null {
  if (value === undefined) return null;
  const lower = typeof value === 'string' ? value.toUpperCase().toLowerCase() : value;
  const found = RISK_LEVELS.find((level) => level === lower);
  return found ?? reading.choice(value, path, RISK_LEVELS);
}

/** `auto`, `approve`, `block`, or the long form of `approve`; null when absent or wrong, the latter reported. */
export function readApproval(
  reading: Reading,
  value: Value | undefined,
  path: Path,
): { readonly approval: Approval; readonly terms: ApprovalTerms } | null {
  if (value === undefined) return null;
  if (isMap(value)) return { approval: 'approve', terms: readTerms(reading, value, path) };
  const approval = reading.choice(value, path, APPROVALS);
  return approval === null ? null : { approval, terms: PLAIN_TERMS };
}

function readTerms(reading: Reading, map: ValueMap, path: Path): ApprovalTerms {
  reading.checkKeys(map, path, APPROVAL_KEYS);
  const scope = readScope(reading, map.get('scope'), [...path, 'scope']);
  const duration = (key: string, min: number, max: number): number | null =>
    readDuration(reading, map.get(key), [...path, key], { min, max });
  const terms: ApprovalTerms = {
    approvers: readApprovers(reading, map.get('approvers'), [...path, 'approvers']),
    scope,
    ttlMs: duration('ttl', MIN_TTL_MS, MAX_TTL_MS),
    waitMs: duration('wait', 0, MAX_WAIT_MS),
    forMs: duration('for', 1_000, MAX_FOR_MS),
  };
  if (terms.forMs !== null && scope === 'once') {
    reading.report(
      [...path, 'for'],
      'for has no meaning with scope once; expected scope: action or scope: target',
      'key',
    );
  }
  if (terms.waitMs !== null && terms.ttlMs !== null && terms.waitMs > terms.ttlMs) {
    reading.report([...path, 'wait'], 'the connection is held longer than the request lives; expected wait <= ttl');
  }
  return terms;
}

function readScope(reading: Reading, value: Value | undefined, path: Path): ApprovalScope {
  return value === undefined ? 'once' : (reading.choice(value, path, APPROVAL_SCOPES) ?? 'once');
}

function readApprovers(reading: Reading, value: Value | undefined, path: Path): number {
  if (value === undefined) return 1;
  if (typeof value === 'bigint' && value >= 1n && value <= BigInt(MAX_APPROVERS)) return Number(value);
  reading.report(path, `found ${show(value)}; expected a whole number from 1 to ${MAX_APPROVERS}`);
  return 1;
}

function readDuration(
  reading: Reading,
  value: Value | undefined,
  path: Path,
  bounds: { readonly min: number; readonly max: number },
): number | null {
  if (value === undefined) return null;
  const duration = typeof value === 'string' ? parseDuration(value) : null;
  if (duration !== null && duration >= bounds.min && duration <= bounds.max) return duration;
  const range = `${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`;
  reading.report(path, `found ${show(value)}; expected a duration of ${range}, such as 15m`);
  return null;
}
