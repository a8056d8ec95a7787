import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { prepareStatements } from '../../../src/approval/statements.ts';
import { temporaryStore } from '../../support/approval-asks.ts';

it.each(['live', 'covering', 'outdated', 'newestOf', 'newestEnded'] as const)(
  'finding an approval (%s) does not walk through all that are pending',
  (name) => {
    using temporary = temporaryStore();
    const database = new DatabaseSync(temporary.file);
    const { sourceSQL } = prepareStatements(database)(name);
    const named = Object.fromEntries((sourceSQL.match(/:\w+/gu) ?? []).map((parameter) => [parameter, '']));
    const statement = database.prepare(`EXPLAIN QUERY PLAN ${sourceSQL}`);
    const plan = sourceSQL.includes(':') ? statement.all(named) : statement.all('');
    database.close();
    const details = plan.map(({ detail }) => String(detail));
    expect(details.join('\n')).toMatch(/USING INDEX/u);
    expect(details.filter((detail) => /^SCAN|by_phase/u.test(detail))).toEqual([]);
  },
);
