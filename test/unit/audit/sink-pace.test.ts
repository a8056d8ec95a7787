import { describe, expect, it } from 'vitest';
import { yieldingPace } from '../../../src/audit/sink-pace.ts';

const pace = (busy: number): ReturnType<typeof yieldingPace> => yieldingPace({ busy: () => busy, restMs: 2 });

describe('the pace of a sink that works on the event loop', () => {
  it('is as fast as it may be while the loop is idle', () => {
    expect(pace(0.1).restMs(5, 1_000)).toBe(2);
  });

  it('leaves nineteen parts of twenty to requests while they keep the loop busy', () => {
    expect(pace(0.95).restMs(5, 1_000)).toBe(95);
  });

  it('rests no longer than a quarter of a second after a batch that took long', () => {
    expect(pace(1).restMs(400, 1_000)).toBe(250);
  });

  it('rests at least as long as while the loop is idle', () => {
    expect(pace(1).restMs(0.01, 1_000)).toBe(2);
  });

  it('lets requests wait before it falls further behind than 100,000 records', () => {
    expect(pace(1).restMs(5, 100_001)).toBe(2);
  });
});
