import { afterEach, describe, expect, it } from 'vitest';
import { PendingWatch, type WatchPorts } from '../../../src/approval/kubernetes-watch.ts';
import { ApiAwayError, ApiStatusError, ApiUnavailableError } from '../../../src/kubernetes/api-error.ts';
import type { WatchEvent } from '../../../src/kubernetes/watch.ts';

const CLOCK = { now: () => 0, monotonic: () => 0 };
let watch: PendingWatch | null = null;
afterEach(async () => await watch?.unwant());

function event(type: WatchEvent['type'], resourceVersion: string): WatchEvent {
  return { type, object: { metadata: { name: 'apr-1', resourceVersion } } };
}

interface Told {
  readonly since: string[];
  readonly changed: unknown[];
  readonly gone: unknown[];
  readonly lost: string[];
  relists: number;
}

/** A watch that gets one of these after the other, and then nothing until it is closed. */
function watchOf(turns: readonly (readonly (WatchEvent | Error)[])[], told: Told): PendingWatch {
  let turn = 0;
  const open: WatchPorts['open'] = async function* ({ resourceVersion }, signal) {
    told.since.push(resourceVersion);
    const given = turns[turn];
    turn += 1;
    for (const one of given ?? []) {
      if (one instanceof Error) throw one;
      yield one;
    }
    if (given === undefined) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
  };
  watch = new PendingWatch({
    clock: CLOCK,
    random: () => 0,
    open,
    changed: async (object) => void told.changed.push(object),
    gone: (object) => told.gone.push(object),
    relist: async () => {
      told.relists += 1;
      return '100';
    },
    lost: (problem) => told.lost.push(problem),
  });
  return watch;
}

const nothing = (): Told => ({ since: [], changed: [], gone: [], lost: [], relists: 0 });

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 5));
}

describe('the watch of pending approvals', () => {
  it('goes on behind the last thing that it heard, bookmarks included', async () => {
    const told = nothing();
    watchOf([[event('MODIFIED', '5'), event('DELETED', '6'), event('BOOKMARK', '9')]], told).want('3');
    await until(() => told.since.length === 2);
    expect(told.since).toEqual(['3', '9']);
    expect([told.changed.length, told.gone.length, told.relists]).toEqual([1, 1, 0]);
  });

  it('lists anew when the server has forgotten, before or within the watch', async () => {
    const told = nothing();
    const expired = new ApiStatusError(410, 'Expired', 'too old');
    watchOf([[expired], [event('MODIFIED', '101'), expired]], told).want('3');
    await until(() => told.since.length === 3);
    expect(told.since).toEqual(['3', '100', '100']);
    expect(told.relists).toBe(2);
  });

  it('goes on where it was, without a list, when a server is back that was away', async () => {
    const told = nothing();
    const away = new ApiAwayError('connect ECONNREFUSED');
    const broken = new ApiUnavailableError('the watch broke off');
    watchOf([[event('MODIFIED', '5'), broken], [away], [away], [away], [away]], told).want('3');
    await until(() => told.since.length === 6);
    expect(told.since).toEqual(['3', '5', '5', '5', '5', '5']);
    expect([told.lost.length, told.relists]).toEqual([5, 0]);
  });

  it('tells that the server is away, goes on where it was, and looks anew after some failures', async () => {
    const told = nothing();
    const away = new ApiUnavailableError('away');
    watchOf([[away], [away], [away]], told).want('3');
    await until(() => told.since.length === 4);
    expect(told.since).toEqual(['3', '3', '3', '100']);
    expect([told.lost.length, told.relists]).toEqual([2, 1]);
  });

  it('is open only while it is wanted', async () => {
    const told = nothing();
    const one = watchOf([], told);
    expect(one.ageMs()).toBeNull();
    one.want('3');
    one.want('4');
    await until(() => told.since.length === 1);
    expect(one.ageMs()).toBe(0);
    await one.unwant();
    expect([one.ageMs(), told.since]).toEqual([null, ['3']]);
  });
});
