import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { LOOKUPS_AT_ONCE, MAX_LOOKUPS_WAITING } from '../../../src/forward/limits.ts';
import { LookupQueue } from '../../../src/forward/lookup-queue.ts';

const ANSWER: readonly LookupAddress[] = [{ address: '192.0.2.1', family: 4 }];

/** A queue before a resolver that answers when it is told, at a time that is set. */
function slowResolver() {
  const asked: { readonly name: string; readonly answer: () => void; readonly fail: () => void }[] = [];
  const time = { now: 0 };
  const queue = new LookupQueue({
    lookup: async (name) =>
      await new Promise((resolve, reject) => {
        asked.push({ name, answer: () => resolve(ANSWER), fail: () => reject(new Error('ENOTFOUND')) });
      }),
    monotonic: () => time.now,
    patienceMs: 10_000,
  });
  const names = (): readonly string[] => asked.map(({ name }) => name);
  return { queue, asked, names, time };
}
const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

describe('names that are looked up', () => {
  it('go to the resolver so many at a time, the others in their order', async () => {
    const { queue, asked, names } = slowResolver();
    const all = Array.from({ length: LOOKUPS_AT_ONCE + 2 }, async (_, index) => await queue.lookup(`h${index}`));
    expect(names()).toEqual(Array.from({ length: LOOKUPS_AT_ONCE }, (_, index) => `h${index}`));
    asked[3]?.answer();
    asked[4]?.fail();
    await expect(all[3]).resolves.toEqual(ANSWER);
    await expect(all[4]).rejects.toThrow('ENOTFOUND');
    await turn();
    expect(names().slice(LOOKUPS_AT_ONCE)).toEqual([`h${LOOKUPS_AT_ONCE}`, `h${LOOKUPS_AT_ONCE + 1}`]);
  });

  it('by several at once are looked up once', async () => {
    const { queue, asked, names } = slowResolver();
    const both = [queue.lookup('same'), queue.lookup('same')];
    asked[0]?.answer();
    expect(await Promise.all(both)).toEqual([ANSWER, ANSWER]);
    expect(names()).toEqual(['same']);
    void queue.lookup('same');
    expect(names()).toEqual(['same', 'same']);
  });

  it('are refused when too many wait, and not looked up any more when nobody waits', async () => {
    const { queue, asked, names, time } = slowResolver();
    const waiting = Array.from({ length: LOOKUPS_AT_ONCE + MAX_LOOKUPS_WAITING }, async (_, index) =>
      queue.lookup(`h${index}`).catch(String),
    );
    await expect(queue.lookup('one-more')).rejects.toMatchObject({ code: 'EBUSY' });
    time.now = 10_000;
    const needed = queue.lookup('needed');
    for (const { fail } of asked.slice(0, LOOKUPS_AT_ONCE)) fail();
    await turn();
    expect(names().slice(LOOKUPS_AT_ONCE)).toEqual(['needed']);
    asked.at(-1)?.answer();
    expect(await needed).toEqual(ANSWER);
    expect(new Set(await Promise.all(waiting))).toEqual(
      new Set(['Error: ENOTFOUND', 'Error: too many names are being looked up']),
    );
  });
});
