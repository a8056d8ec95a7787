import { describe, expect, it } from 'vitest';
import type { ValueMap } from '../../../src/model/value.ts';
import { answerCase } from '../../../src/policy/cases.ts';
import { caseLines, caseObject, mappingOf, textOf } from '../../support/case-lines.ts';

/** 1,500 random cases that the Python package answered; `gateway` is our answer where it differs on purpose. */
const LINES = caseLines('differential-cases.jsonl');
const NOW = Date.parse('2026-03-20T12:00:00Z');

describe('differential cases of agent-aegis', () => {
  it('has all 1,500 lines', () => {
    expect(LINES).toHaveLength(1500);
  });

  it.each(LINES.map((line) => [textOf(caseObject(line).get('id')), line]))('decides %s as expected', (id, line) => {
    const given = caseObject(line);
    const answer = answerCase(line, { policy: null, now: NOW });
    expect(answer).toEqual({ id, ...expected(given, answer['error'] === 'load') });
  });
});

const TEXT = expect.stringMatching(/\w/u);
const PLACE = expect.stringMatching(/^[\w.[\]]+:\d+:\d+$/u);
const NOT_EVALUATED = expect.stringContaining('could not be evaluated');
const NUMBER = expect.any(Number);

/** A pattern that means the same in linear time may be accepted although `gateway` refuses it. */
function expected(given: ValueMap, refused: boolean): object {
  const mayAccept = given.get('regex_dialect') === true && !refused;
  const wanted = mappingOf(mayAccept ? given.get('expect') : (given.get('gateway') ?? given.get('expect')));
  if (!wanted.has('error')) return plain(wanted);
  if (wanted.get('at') !== 'evaluate') {
    return { error: 'load', at: PLACE, message: TEXT };
  }
  const conflicts = given.has('layers') ? { conflicts: NUMBER } : {};
  return {
    approval: 'block',
    risk_level: TEXT,
    rule: wanted.get('rule') ?? TEXT,
    reason: NOT_EVALUATED,
    ...conflicts,
  };
}

/** As `JSON.parse` would give it: the numbers in these answers are small. */
function plain(wanted: ValueMap): object {
  const text = JSON.stringify(Object.fromEntries(wanted), (_, value: unknown) => {
    if (value instanceof Map) return Object.fromEntries(value);
    return typeof value === 'bigint' ? Number(value) : value;
  });
  return Object(JSON.parse(text));
}
