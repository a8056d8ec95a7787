import type { Clock } from '../model/ports.ts';

/**
 * The time that approvals end by: that of the machine, but never behind the time that has passed since this was made. A
 * clock that is set back lengthens no grant that way; one that jumps ahead ends them early.
 */
export function steadyClock(clock: Clock): Clock {
  const start = clock.now() - clock.monotonic();
  return {
    now: () => Math.max(clock.now(), Math.floor(start + clock.monotonic())),
    monotonic: () => clock.monotonic(),
  };
}
