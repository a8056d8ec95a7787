import { describe, expect, it } from 'vitest';
import { exchangeId } from '../../src/exchange-id.ts';

describe('the id of an exchange', () => {
  it('is a UUID of version 7 that begins with the time', () => {
    // The time of the example in RFC 9562 appendix A.6.
    expect(exchangeId(0x017f22e279b0)).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('is another one each time, within a millisecond as well', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => exchangeId(1.5))).size).toBe(1_000);
  });

  it('sorts by time', () => {
    const ids = [1, 255, 256, 1_764_000_000_000, 1_764_000_000_001].map(exchangeId);
    expect(ids.toSorted()).toEqual(ids);
  });

  it('keeps its form for a clock that is set before the epoch', () => {
    expect(exchangeId(-1)).toMatch(/^00000000-0000-7/);
  });
});
