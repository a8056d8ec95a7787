import { describe, expect, it } from 'vitest';
import { runKillRounds } from '../support/kill-rounds.ts';

/** `npm run nightly:kill` does the same at least 300 times. */
const ROUNDS = 40;

describe('a gateway that is killed under load, again and again', () => {
  it(
    'forwarded nothing without an intent, used no approval twice, closes every exchange, and its sink gets every record',
    { timeout: 400_000 },
    async () => {
      const found = await runKillRounds({ rounds: ROUNDS, seed: Date.now() % 2 ** 31 });
      expect(found.rounds).toBe(ROUNDS);
      // The kills hit what they should: requests under way, grants, and a journal of several segments.
      expect(found.unknown).toBeGreaterThan(0);
      expect(found.approvalsUsed).toBeGreaterThan(0);
      expect(found.segments).toBeGreaterThan(1);
    },
  );
});
