import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answerCase } from '../../../src/policy/cases.ts';

/** 1,500 random cases that the Python package answered; `gateway` is our answer where it differs on purpose. */
interface DifferentialCase {
  readonly id: string;
  readonly expect: { readonly [key: string]: unknown };
  readonly gateway?: { readonly [key: string]: unknown };
  readonly regex_dialect?: true;
}

const FILE = new URL('../../cases/differential-cases.jsonl', import.meta.url);
const LINES = readFileSync(FILE, 'utf8').split('\n').slice(0, -1);
const NOW = Date.parse('2026-03-20T12:00:00Z');

describe('differential cases of agent-aegis', () => {
  it('has all 1,500 lines', () => {
    expect(LINES).toHaveLength(1500);
  });

  it.each(LINES.map((line) => [(JSON.parse(line) as DifferentialCase).id, line]))(
    'decides %s as expected',
    (_, line) => {
      const given = JSON.parse(line) as DifferentialCase;
      const answer = answerCase(line, { policy: null, now: NOW });
      const wanted = given.gateway ?? given.expect;
      if (wanted['error'] === undefined || wanted['at'] === 'evaluate') return checkDecision(answer, wanted, given.id);
      // A pattern that means the same in linear time may be accepted instead.
      if (given.regex_dialect && answer['error'] === undefined) return checkDecision(answer, given.expect, given.id);
      expect(answer).toEqual({
        id: given.id,
        error: 'load',
        at: expect.stringMatching(/^[\w.[\]]+:\d+:\d+$/u),
        message: expect.stringMatching(/\w/u),
      });
    },
  );
});

function checkDecision(answer: object, wanted: DifferentialCase['expect'], id: string): void {
  if (wanted['error'] === undefined) {
    expect(answer).toEqual({ id, ...wanted });
    return;
  }
  expect(answer).toMatchObject({
    id,
    approval: 'block',
    ...(wanted['rule'] === undefined ? {} : { rule: wanted['rule'] }),
  });
  expect(answer).toHaveProperty('reason', expect.stringContaining('could not be evaluated'));
}
