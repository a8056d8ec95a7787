import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadActionMap } from '../../../src/action/load.ts';
import { loadActionTests } from '../../../src/action/test-file.ts';

const PAGE = readFileSync('docs/actions.md', 'utf8');
const EXAMPLES = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gmsu)].map((match) => match[1] ?? '');

test('every example of the page about actions loads', () => {
  expect(EXAMPLES).toHaveLength(3);
  for (const text of EXAMPLES) {
    const loaded = text.includes('\ntests:') ? loadActionTests(text, 'page') : loadActionMap([{ file: 'page', text }]);
    expect(loaded).toMatchObject({ ok: true });
  }
});

test('the page names every key of the format', () => {
  for (const key of [
    'ignore_case',
    'format_suffixes',
    'other_params',
    'body_limit',
    'required',
    'each',
    'arguments',
    'as',
  ]) {
    expect(PAGE).toContain(`\`${key}\``);
  }
});
