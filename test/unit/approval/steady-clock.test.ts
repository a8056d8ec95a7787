import { describe, expect, it } from 'vitest';
import { steadyClock } from '../../../src/approval/steady-clock.ts';

const START = Date.UTC(2026, 0, 15, 12);

/** A machine whose clock can be set. */
function machine(): { wall: number; passed: number; readonly clock: ReturnType<typeof steadyClock> } {
  const state = { wall: START, passed: 1_000.5, clock: steadyClock({ now: () => START, monotonic: () => 0 }) };
  state.clock = steadyClock({ now: () => state.wall, monotonic: () => state.passed });
  return state;
}

describe('the clock of approvals', () => {
  it('is that of the machine while nobody sets it', () => {
    const at = machine();
    at.wall += 5_000;
    at.passed += 5_000;
    expect(at.clock.now()).toBe(START + 5_000);
    expect(at.clock.monotonic()).toBe(6_000.5);
  });

  it('goes on by the time that passes when that of the machine is set back', () => {
    const at = machine();
    at.wall -= 3_600_000;
    expect(at.clock.now()).toBe(START);
    at.wall += 60_000;
    at.passed += 60_000;
    expect(at.clock.now()).toBe(START + 60_000);
  });

  it('follows one that jumps ahead, and comes back with it', () => {
    const at = machine();
    at.wall += 3_600_000;
    expect(at.clock.now()).toBe(START + 3_600_000);
    at.wall -= 3_600_000;
    expect(at.clock.now()).toBe(START);
  });
});
