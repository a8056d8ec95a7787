import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PAGES } from '../../scripts/generate-docs.ts';

describe('pages that are made from tables', () => {
  it.each(Object.entries(PAGES))('%s is up to date (npm run docs)', (path, page) => {
    expect(readFileSync(path, 'utf8')).toBe(page());
  });
});
