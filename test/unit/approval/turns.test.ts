import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../../src/approval/turns.ts';

describe('turns', () => {
  it('let work of one key run one after the other, in order, whatever fails, and hold up no other key', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }), { maxLength: 20 }),
        async (scheduler, jobs) => {
          const turns = new Turns();
          const running = new Map<string, number>();
          const order = new Map<string, number[]>();
          const results = jobs.map(async ({ key, fails }, index) => {
            return await turns.take(key, async () => {
              expect(running.get(key) ?? 0).toBe(0);
              running.set(key, 1);
              order.set(key, [...(order.get(key) ?? []), index]);
              await scheduler.schedule(Promise.resolve(index));
              running.set(key, 0);
              if (fails) throw new Error(`job ${index}`);
              return index;
            });
          });
          const settled = Promise.allSettled(results);
          await scheduler.waitIdle();
          const found = await settled;
          for (const [index, { fails }] of jobs.entries())
            expect(found[index]?.status).toBe(fails ? 'rejected' : 'fulfilled');
          for (const [key, done] of order)
            expect(done).toEqual(jobs.flatMap((job, index) => (job.key === key ? [index] : [])));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('of one key that never end leave those of another alone', async () => {
    const turns = new Turns();
    const { promise, resolve } = Promise.withResolvers<void>();
    const stuck = turns.take('stuck', async () => await promise);
    expect(await turns.take('free', async () => 'done')).toBe('done');
    resolve();
    await stuck;
  });
});
