import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { NotifyTarget } from '../../../src/config/notify-schema.ts';
import { createNotifier, type Notifier } from '../../../src/notify/notifier.ts';
import { pendingEventOf } from '../../../src/notify/notice.ts';
import { askOf, sha256, temporaryStore, type TemporaryStore } from '../../support/approval-asks.ts';
import { startNoticeReceiver } from '../../support/notice-receiver.ts';
import { keptLog } from '../audit/bodies.ts';
import { approvalOf, NOW } from './notices.ts';

const place = async (): Promise<{ readonly kind: 'local' }> => ({ kind: 'local' });

interface Running extends AsyncDisposable {
  readonly notifier: Notifier;
  readonly log: ReturnType<typeof keptLog>;
  readonly counts: Map<string, number>;
}

function notifierTo(yaml: string, { clock }: Pick<TemporaryStore, 'clock'>): Running {
  const log = keptLog();
  const counts = new Map<string, number>();
  const notifier = createNotifier({
    clock: { now: () => clock.now(), monotonic: () => performance.now() },
    log,
    random: () => 0.5,
    source: '/aegis-gateway',
    counted: (_target, result, count) => counts.set(result, (counts.get(result) ?? 0) + count),
    failed: () => undefined,
  });
  notifier.prepare(targetsOf(yaml))();
  return { notifier, log, counts, [Symbol.asyncDispose]: async () => await notifier.stop() };
}

function targetsOf(yaml: string): readonly NotifyTarget[] {
  const loaded = loadConfig(`version: 1\napprovals: {notify: [${yaml}]}\n`, '/etc/aegis/gateway.yaml', {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  return loaded.value.approvals.notify;
}

describe('a notifier', () => {
  it('begins with what waits already, the oldest first; of more than thirty without parameters', async () => {
    await using receiver = await startNoticeReceiver();
    using temporary = temporaryStore();
    const { clock, store } = temporary;
    for (let index = 0; index < 40; index += 1) {
      const ask = askOf({ binding: { bodyDigest: sha256(String(index)) } });
      await store.open(ask, { now: clock.now(), expiresAt: clock.now() + 60_000 + index, grantMs: 1_000 });
    }
    await store.open(askOf(), { now: clock.now(), expiresAt: clock.now(), grantMs: 1_000 });
    await using running = notifierTo(`{kind: cloudevents, url: "${receiver.url}", rate: 600}`, temporary);
    running.notifier.begin({ store, place });
    const events = await receiver.events(40);
    const ends = events.map(({ data }) => Date.parse(String(data?.['expires_at'])) - clock.now() - 60_000);
    expect(ends).toEqual(Array.from({ length: 40 }, (_, index) => index));
    const whole = events.map(({ data }) => JSON.stringify(data?.['actions']).includes('A-17'));
    expect(whole).toEqual(Array.from({ length: 40 }, (_, index) => index < 30));
    expect(JSON.stringify(events[39]?.data)).toContain('"params":null');
    expect(events[39]?.data).toMatchObject({ amount: '50' });
  });

  it('is told before it has begun, and sends it once it has', async () => {
    await using receiver = await startNoticeReceiver();
    using temporary = temporaryStore();
    await using running = notifierTo(`{kind: cloudevents, url: "${receiver.url}"}`, temporary);
    temporary.clock.time = NOW;
    const approval = approvalOf();
    running.notifier.tell(pendingEventOf(approval), approval);
    expect(running.notifier.states()).toEqual([{ name: 'cloudevents', problem: null, waiting: 1 }]);
    running.notifier.begin({ store: temporary.store, place });
    expect((await receiver.events(1)).map(({ subject }) => subject)).toEqual([approval.name]);
  });

  it('keeps its own trouble to itself', async () => {
    await using receiver = await startNoticeReceiver();
    using temporary = temporaryStore();
    await using running = notifierTo(`{kind: cloudevents, url: "${receiver.url}"}`, temporary);
    const broken = approvalOf({ actions: null as never });
    running.notifier.tell(pendingEventOf(broken), broken);
    expect(running.log.events).toEqual(['notify.not-made']);
  });

  it('tries again while it cannot know where people decide, and says why', async () => {
    await using receiver = await startNoticeReceiver();
    using temporary = temporaryStore();
    temporary.clock.time = NOW;
    await using running = notifierTo(`{kind: cloudevents, url: "${receiver.url}"}`, temporary);
    const places = [Promise.reject(new Error('the token cannot be read'))];
    for (const one of places) one.catch(() => null);
    running.notifier.begin({ store: temporary.store, place: async () => await (places.shift() ?? place()) });
    const approval = approvalOf();
    running.notifier.tell(pendingEventOf(approval), approval);
    expect(await receiver.events(1)).toHaveLength(1);
    expect(running.log.lines.find(({ event }) => event === 'notify.failed')?.fields).toMatchObject({
      problem: 'the token cannot be read',
      tries: 1,
    });
  });

  it('lets go of a target that is taken out of the configuration, and counts what it was not told', async () => {
    await using receiver = await startNoticeReceiver();
    receiver.next.push(() => undefined);
    using temporary = temporaryStore();
    temporary.clock.time = NOW;
    await using running = notifierTo(`{kind: cloudevents, url: "${receiver.url}"}`, temporary);
    running.notifier.begin({ store: temporary.store, place });
    const approval = approvalOf();
    running.notifier.tell(pendingEventOf(approval), approval);
    await receiver.received(1);
    running.notifier.prepare([])();
    while (running.counts.get('lost') !== 1) await new Promise((done) => setTimeout(done, 5));
    expect(running.notifier.states()).toEqual([]);
  });
});
