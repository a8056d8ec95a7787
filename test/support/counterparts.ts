import { describe, it } from 'vitest';
import { findCounterpart } from '../../scripts/counterparts.ts';

/**
 * Describes tests that run against real programs. Where one is missing they are skipped under a name that says so; in
 * CI they fail, since a test that never runs there proves nothing.
 */
export function describeWith(names: readonly string[], title: string, body: (paths: readonly string[]) => void): void {
  const found = names.map((name) => ({ name, path: findCounterpart(name) }));
  const missing = found.filter(({ path }) => path === null).map(({ name }) => name);
  if (missing.length === 0) {
    describe(title, () => body(found.map(({ path }) => path ?? '')));
    return;
  }
  const explanation = `${title} [needs ${missing.join(', ')}]`;
  if (process.env['CI'] === undefined) {
    describe.skip(explanation, () => it('is skipped', () => undefined));
    return;
  }
  describe(explanation, () => {
    it('has its counterparts in CI', () => {
      throw new Error(`expected ${missing.join(', ')} on this machine; npm test installs what it can`);
    });
  });
}
