import type { Action } from '../model/action.ts';
import { isMap, type Value, type ValueMap } from '../model/value.ts';

/** A line that is no case: what was expected, and where. */
export class CaseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CaseError';
  }
}

/** An action as case files write it. Throws `CaseError`. */
export function readAction(value: Value | undefined, path: string): Action {
  if (value === undefined || !isMap(value)) throw new CaseError(`${path}: expected an object with type and target`);
  const params = value.get('params') ?? new Map<string, Value>();
  if (!isMap(params)) throw new CaseError(`${path}.params: expected an object`);
  return {
    type: textOf(value, 'type', path),
    target: textOf(value, 'target', path),
    params,
    description: textOf(value, 'description', path),
    agentId: textOf(value, 'agent_id', path),
    effect: null,
    amountParam: null,
    mappedBy: null,
  };
}

function textOf(map: ValueMap, key: string, path: string): string {
  const value = map.get(key) ?? '';
  if (typeof value !== 'string') throw new CaseError(`${path}.${key}: expected text`);
  return value;
}

const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/u;

/** An ISO 8601 instant as milliseconds since the epoch, UTC where it names no offset; null for none. */
export function readInstant(value: Value | undefined): number | null {
  if (value === undefined || value === null) return null;
  const match = typeof value === 'string' ? INSTANT.exec(value) : null;
  const time = match === null ? Number.NaN : Date.parse(match[1] === undefined ? `${match[0]}Z` : match[0]);
  if (Number.isNaN(time)) throw new CaseError('now: expected an instant such as 2026-03-20T12:00:00Z');
  return time;
}
