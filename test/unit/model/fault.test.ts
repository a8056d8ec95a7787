import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '../../../src/model/fault.ts';

describe('the table of faults', () => {
  it('has a test through the real port for each code', () => {
    const cited = new Set<string>();
    for (const file of readdirSync('test/integration', { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      for (const [, code] of readFileSync(join('test/integration', file), 'utf8').matchAll(/fault:([a-z-]+)/gu))
        cited.add(code ?? '');
    }
    expect([...cited].toSorted()).toEqual(Object.keys(FAULTS).toSorted());
  });

  it('pins the codes and statuses that clients match on', () => {
    const statuses = Object.fromEntries(Object.entries(FAULTS).map(([code, { status }]) => [code, status]));
    expect(statuses).toMatchObject({
      'policy-block': 403,
      'approval-pending': 403,
      'approval-denied': 403,
      'approval-expired': 403,
      'approval-void': 403,
      'approval-consumed': 409,
      'audit-unavailable': 503,
      'upstream-unreachable': 502,
      'upstream-timeout': 504,
      'body-too-large': 413,
    });
  });
});
