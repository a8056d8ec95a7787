import { describe, it } from 'vitest';
import { findCounterpart } from '../../scripts/counterparts.ts';

/**
 * Describes tests that run against real programs. Where one is missing they are skipped under a name that says so; in
 * CI they fail, since a test that never runs there proves nothing.
 */
export function describeWith(names: readonly string[], title: string, body: (paths: readonly string[]) => void): void {
  const found = names.map((name) => ({ name, path: findCounterpart(name) }));
  const missing = found.filter(({ path }) => path === null).map(({ name }) => name);
  const needs = { missing: missing.join(', '), hint: 'npm test installs what it can' };
  describeWhere(needs, title, () => body(found.map(({ path }) => path ?? '')));
}

/** The same for tests that need something of the machine; `missing` is empty where it has all of it. */
export function describeWhere(
  { hint, missing }: { readonly missing: string; readonly hint: string },
  title: string,
  body: () => void,
): void {
  if (missing === '') {
    describe(title, body);
    return;
  }
  const explanation = `${title} [needs ${missing}]`;
  if (process.env['CI'] === undefined) {
    describe.skip(explanation, body);
    return;
  }
  describe(explanation, () => {
    it('has what it needs in CI', () => {
      throw new Error(`expected ${missing} on this machine; ${hint}`);
    });
  });
}
