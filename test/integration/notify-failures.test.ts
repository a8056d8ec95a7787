import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { answer, eventIn, SECRET_PATH, startNoticeReceiver } from '../support/notice-receiver.ts';
import { counted, eventsTo, logged, metricsOf, NoticeWorld } from '../support/notice-world.ts';

const TIMEOUT = { timeout: 40_000 };

let world: NoticeWorld;
beforeEach(async () => {
  world = await NoticeWorld.start();
});
afterEach(async () => await world[Symbol.asyncDispose]());

describe('a target that does not take it', () => {
  it(
    'is told again with the same id: after a refusal, as it asks in Retry-After, and after silence',
    TIMEOUT,
    async () => {
      world.receiver.next.push(answer(500), answer(429, { 'retry-after': '1' }), () => undefined);
      const gateway = await world.gateway([eventsTo(world.receiver, 'timeout: 200ms')]);
      await world.refund(gateway, 1);
      const events = await world.receiver.events(4);
      expect(new Set(events.map(({ id, source }) => `${source} ${id}`)).size).toBe(1);
      expect(new Set(world.receiver.seen.map(({ body }) => body)).size).toBe(1);
      await gateway.logged('notify.works-again');
      const failures = gateway.log.filter(({ event }) => event === 'notify.failed');
      expect(failures.map(({ problem }) => String(problem).replace(/^http:\S+ /u, ''))).toEqual([
        'expected a status of 2xx, found 500',
        'expected a status of 2xx, found 429',
        'no answer within 200 ms',
      ]);
      expect(await metricsOf(gateway)).toContain('aegis_notice_failures_total{target="cloudevents"} 3');
      expect(await metricsOf(gateway)).toContain('aegis_notices_total{target="cloudevents",result="sent"} 1');
    },
  );

  it('is told when it is back', TIMEOUT, async () => {
    await world.receiver[Symbol.asyncDispose]();
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    const name = approvalOf(await world.refund(gateway, 1));
    expect(await gateway.logged('notify.failed')).toMatchObject({ problem: expect.stringContaining('ECONNREFUSED') });
    await using back = await startNoticeReceiver(world.receiver.port);
    const [event] = await back.events(1);
    expect(event?.subject).toBe(name);
  });

  it('holds up no request and no decision', TIMEOUT, async () => {
    world.receiver.next.push(() => undefined);
    const gateway = await world.gateway([eventsTo(world.receiver, 'timeout: 1m')]);
    const names = [];
    for (const order of [1, 2, 3]) names.push(approvalOf(await world.refund(gateway, order)));
    await world.receiver.received(1);
    expect((await gateway.cli('approvals', 'approve', names[1] ?? '', '--yes')).code).toBe(0);
    expect((await world.refund(gateway, 2)).status).toBe(200);
    expect(world.receiver.seen).toHaveLength(1);
  });

  it('does not hold up what comes after a message that it will never take', TIMEOUT, async () => {
    world.receiver.next.push(answer(400));
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    await world.refund(gateway, 1);
    expect(await gateway.logged('notify.given-up')).toMatchObject({ target: 'cloudevents', because: 'given-up' });
    const second = approvalOf(await world.refund(gateway, 2));
    const [, event] = await world.receiver.events(2);
    expect(event?.subject).toBe(second);
    await counted(gateway, 'aegis_notices_total{target="cloudevents",result="given-up"} 1');
  });

  it('is not told any more of what somebody decided meanwhile, or what ended', TIMEOUT, async () => {
    world.receiver.next.push(answer(503, { 'retry-after': '2' }));
    const gateway = await world.gateway([eventsTo(world.receiver)], { limits: 'approval_wait: 0s, approval_ttl: 20s' });
    const [one, two] = [approvalOf(await world.refund(gateway, 1)), approvalOf(await world.refund(gateway, 2))];
    await gateway.logged('notify.failed');
    await gateway.cli('approvals', 'approve', one, '--yes');
    const events = await world.receiver.events(2);
    expect(events.map(({ subject }) => subject)).toEqual([one, two]);
    await counted(gateway, 'aegis_notices_total{target="cloudevents",result="settled"} 1');
  });

  it('is given up when nothing waits any more', TIMEOUT, async () => {
    world.receiver.next.push(answer(503, { 'retry-after': '1' }));
    const gateway = await world.gateway([eventsTo(world.receiver)], { limits: 'approval_wait: 0s, approval_ttl: 1s' });
    await world.refund(gateway, 1);
    await logged(gateway, 'notify.failed', 1);
    await counted(gateway, 'aegis_notices_waiting{target="cloudevents"} 0');
    expect(world.receiver.seen).toHaveLength(1);
    expect(await metricsOf(gateway)).toMatch(
      /aegis_notices_total\{target="cloudevents",result="(expired|settled)"\} 1/u,
    );
  });

  it('decides nothing, whatever it answers, and is not followed elsewhere', TIMEOUT, async () => {
    await using elsewhere = await startNoticeReceiver();
    const yes = JSON.stringify({ verdict: 'approved', approved: true, decisions: [{ verdict: 'approved' }] });
    world.receiver.next.push(
      answer(307, { location: elsewhere.url }),
      answer(200, { 'content-type': 'application/json' }, yes),
    );
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    const name = approvalOf(await world.refund(gateway, 1));
    expect(await gateway.logged('notify.failed')).toMatchObject({
      problem: expect.stringContaining('found 307; this needs somebody to look at'),
    });
    const answered = approvalOf(await world.refund(gateway, 2));
    for (const one of [name, answered]) {
      const shown = await gateway.cli('approvals', 'show', one, '-o', 'json');
      expect(JSON.parse(shown.stdout)).toMatchObject({ phase: 'pending', decisions: [] });
    }
    expect(elsewhere.seen).toEqual([]);
  });
});

describe('more than a target wants in a minute', () => {
  it('is told together: how many wait, and the names of those that end first', TIMEOUT, async () => {
    let release: () => void = () => undefined;
    world.receiver.next.push((response) => (release = () => void response.writeHead(202).end()));
    const gateway = await world.gateway([eventsTo(world.receiver, 'rate: 4')]);
    const names = [];
    for (let order = 0; order < 12; order += 1) names.push(approvalOf(await world.refund(gateway, order)));
    await world.receiver.received(1);
    release();
    const [first, summary] = await world.receiver.events(2);
    expect([first?.type, first?.subject]).toEqual(['dev.aegis.approval.pending', names[0]]);
    expect(summary).toMatchObject({
      type: 'dev.aegis.approval.summary',
      data: {
        text: '11 more requests wait for a decision',
        counts: { pending: 11, decided: 0, ended: 0 },
        commands: { list: 'aegis-gateway approvals list' },
      },
    });
    expect(summary?.data?.['names']).toEqual(names.slice(1));
    await counted(gateway, 'aegis_notices_total{target="cloudevents",result="folded"} 11');
    await counted(gateway, 'aegis_notices_total{target="cloudevents",result="sent"} 2');
    expect(gateway.log.find(({ event }) => event === 'notify.folded')).toMatchObject({ count: 11 });
  });
});

describe('the file of the address', () => {
  it('is read for each message, and what it holds is in no log', TIMEOUT, async () => {
    const gateway = await world.gateway(['{kind: slack, url_file: slack-address}'], {
      files: { 'slack-address': 'no address' },
    });
    await world.refund(gateway, 1);
    expect(await gateway.logged('notify.failed')).toMatchObject({
      problem: expect.stringContaining('slack-address: expected an http or https URL on one line'),
    });
    await world.receiver[Symbol.asyncDispose]();
    await writeFile(join(gateway.folder, 'slack-address'), `${world.receiver.url}\n`);
    await logged(gateway, 'notify.failed', 2);
    await using back = await startNoticeReceiver(world.receiver.port);
    const [message] = await back.received(1);
    expect(message?.url).toBe(SECRET_PATH);
    await gateway.logged('notify.works-again');
    expect(JSON.stringify(gateway.log)).not.toMatch(/no address|SECRET|xoxsecret/u);
    expect(await metricsOf(gateway)).not.toContain('SECRET');
  });
});

describe('a gateway that ends', () => {
  it('tells what waits to be told, and tells it again after the next start with the same id', TIMEOUT, async () => {
    let release: () => void = () => undefined;
    world.receiver.next.push((response) => (release = () => void response.writeHead(202).end()));
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    const names = [];
    for (const order of [1, 2, 3]) names.push(approvalOf(await world.refund(gateway, order)));
    await world.receiver.received(1);
    const ended = gateway.stop();
    release();
    expect(await ended).toBe(0);
    const before = world.receiver.seen.map(eventIn);
    const told = before.flatMap(({ subject, data }) => subject ?? (data?.['names'] as readonly string[]));
    expect(told).toEqual(names);
    await world.restart(gateway);
    const after = (await world.receiver.events(before.length + 3)).slice(before.length);
    expect(after.map(({ subject }) => subject)).toEqual(names);
    expect(after[0]?.id).toBe(before[0]?.id);
    expect(after.map(({ data }) => data?.['actions'])).toEqual(
      [1, 2, 3].map(() => [expect.objectContaining({ params: expect.stringContaining('"amount": 50') })]),
    );
  });

  it('ends although a target does not answer, and says what it did not tell', TIMEOUT, async () => {
    world.receiver.next.push(() => undefined);
    const gateway = await world.gateway([eventsTo(world.receiver, 'timeout: 1m')]);
    await world.refund(gateway, 1);
    await world.refund(gateway, 2);
    await world.receiver.received(1);
    expect(await gateway.stop()).toBe(0);
    expect(gateway.log.find(({ event }) => event === 'notify.not-sent')).toMatchObject({
      target: 'cloudevents',
      count: 2,
    });
  });
});
