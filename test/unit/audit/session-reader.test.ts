import * as fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryHistory } from '../../../src/audit/history.ts';
import { SessionReader } from '../../../src/audit/session-reader.ts';
import { fixedClock, intent, NOON, outcome, refusal } from './bodies.ts';
import { signingWith } from './signing.ts';
import { open, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();
const HOUR = 3_600_000;
const ALL = Number.MAX_SAFE_INTEGER;

describe('the history after a restart', () => {
  it('has the intents of the window, without those whose request was refused after all', async () => {
    const dir = directory();
    const clock = fixedClock();
    const journal = await open(dir, { clock });
    const steps = [
      { type: 'export', riskLevel: 'high' as const },
      { type: 'read', riskLevel: 'low' as const },
    ];
    await journal.append(intent('too old', { steps }), 'written');
    clock.advance(2 * HOUR);
    await journal.append(intent('kept', { steps }), 'written');
    await journal.append(outcome('kept'), 'written');
    await journal.append(intent('withdrawn', { steps }), 'written');
    await journal.append(refusal('withdrawn'), 'written');
    await journal.append(refusal('blocked'), 'written');
    await journal.close();
    const history = new MemoryHistory();
    expect(await new SessionReader({ history, dir, upToSeq: ALL, clock }).reachBack(HOUR)).toBe(1);
    expect(history.recent('agent-a', NOON)).toEqual(steps.map((found) => ({ ...found, at: NOON + 2 * HOUR })));
  });

  it('is empty where there is no journal yet', async () => {
    const reader = new SessionReader({
      history: new MemoryHistory(),
      dir: `${directory()}/none`,
      upToSeq: ALL,
      clock: fixedClock(),
    });
    expect(await reader.reachBack(HOUR)).toBe(0);
  });

  it('is not read at all where no policy looks back, and no second time where none looks further', async () => {
    const unreadable = join(directory(), 'a-file');
    writeFileSync(unreadable, '');
    const options = { history: new MemoryHistory(), upToSeq: ALL, clock: fixedClock() };
    await expect(new SessionReader({ ...options, dir: unreadable }).reachBack(1)).rejects.toThrow('ENOTDIR');
    expect(await new SessionReader({ ...options, dir: unreadable }).reachBack(0)).toBe(0);
    const dir = directory();
    const journal = await open(dir);
    await journal.append(intent('x-1'), 'written');
    const reader = new SessionReader({ ...options, dir });
    expect(await reader.reachBack(2 * HOUR)).toBe(1);
    expect([await reader.reachBack(HOUR), await reader.reachBack(2 * HOUR), await reader.reachBack(0)]).toEqual([
      0, 0, 0,
    ]);
    await journal.close();
  });
});

describe('a policy that looks further back than those before', () => {
  /** Minutes between the requests of two agents before the restart and after it, and what becomes of each. */
  const happened = fc.array(
    fc.record({
      agent: fc.constantFrom('a', 'b'),
      minutes: fc.integer({ min: 0, max: 90 }),
      refused: fc.boolean(),
    }),
    { maxLength: 12 },
  );

  it('finds the same as if it had been there from the start', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        happened,
        happened,
        fc.array(fc.integer({ min: 0, max: 24 }), { maxLength: 4 }),
        async (before, after, hours) => {
          const dir = directory();
          const clock = fixedClock();
          const journal = await open(dir, { clock, signing: await signingWith(directory(), { segmentBytes: 3_000 }) });
          const histories = [new MemoryHistory(), new MemoryHistory()] as const;
          let count = 0;
          const happen = async ({ agent, minutes, refused }: (typeof before)[number], live: boolean): Promise<void> => {
            clock.advance(minutes * 60_000);
            count += 1;
            const [id, type] = [`x-${count}`, `type-${count}`];
            const steps = [{ type, riskLevel: 'low' as const }];
            await journal.append(intent(id, { agentId: agent, steps }), 'written');
            for (const history of live ? histories : [])
              history.add(agent, id, [{ ...steps[0], at: clock.now(), type, riskLevel: 'low' }]);
            if (!refused) return;
            await journal.append(refusal(id, { agentId: agent }), 'written');
            for (const history of live ? histories : []) history.remove(agent, id);
          };
          for (const one of before) await happen(one, false);
          const upToSeq = journal.head().seq;
          const [atOnce, bitByBit] = histories.map((history) => new SessionReader({ history, dir, upToSeq, clock }));
          await atOnce?.reachBack(48 * HOUR);
          for (const [index, one] of after.entries()) {
            await bitByBit?.reachBack((hours[index] ?? 0) * HOUR);
            await happen(one, true);
          }
          await bitByBit?.reachBack(24 * HOUR);
          const since = clock.now() - 24 * HOUR;
          for (const agent of ['a', 'b']) {
            expect(histories[1].recent(agent, since)).toEqual(histories[0].recent(agent, since));
          }
          await journal.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has a flood of earlier steps summarized, as if they had come one by one', () => {
    const limits = { windowMs: 24 * HOUR, stepsPerAgent: 100, agents: 10, summaryTypes: 10 };
    const [oneByOne, inFront] = [new MemoryHistory(limits), new MemoryHistory(limits)];
    const flood = Array.from({ length: 300 }, (_, n) => ({
      exchangeId: `x-${n}`,
      steps: [{ at: NOON + n, type: n === 0 ? 'secret' : 'read', riskLevel: 'low' as const }],
    }));
    for (const { exchangeId, steps } of flood) oneByOne.add('a', exchangeId, steps);
    for (const { exchangeId, steps } of flood.slice(200)) inFront.add('a', exchangeId, steps);
    inFront.addEarlier('a', flood.slice(0, 200));
    const typesOf = (history: MemoryHistory): ReadonlySet<string> =>
      new Set(history.recent('a', NOON).map(({ type }) => type));
    expect(typesOf(inFront)).toEqual(typesOf(oneByOne));
    expect(typesOf(inFront).has('secret')).toBe(true);
    expect(inFront.recent('a', NOON + 299).map(({ at }) => at)).toEqual([NOON + 299]);
  });
});
