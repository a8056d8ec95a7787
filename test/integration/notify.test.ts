import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approvalOf, throughProxy } from '../support/agent.ts';
import { answer, eventIn, startNoticeReceiver } from '../support/notice-receiver.ts';
import { counted, eventsTo, metricsOf, NoticeWorld } from '../support/notice-world.ts';

const TIMEOUT = { timeout: 40_000 };

let world: NoticeWorld;
beforeEach(async () => {
  world = await NoticeWorld.start();
});
afterEach(async () => await world[Symbol.asyncDispose]());

describe('what waits for a human is told', () => {
  it('as a CloudEvent that says all that is needed, and with whose command it is approved', TIMEOUT, async () => {
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    const name = approvalOf(await world.refund(gateway, 7));
    const [event] = await world.receiver.events(1);
    expect(world.receiver.seen[0]?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(event).toMatchObject({
      specversion: '1.0',
      type: 'dev.aegis.approval.pending',
      source: '/aegis-gateway/agents/shop-agent',
      subject: name,
      id: expect.stringMatching(new RegExp(`^${name}/requested/[0-9a-f]{16}$`, 'u')),
      datacontenttype: 'application/json',
    });
    expect(event?.data).toMatchObject({
      name,
      namespace: null,
      phase: 'pending',
      agent: 'shop-agent',
      risk: 'high',
      rule: 'refund',
      reason: expect.stringContaining('refund'),
      action: 'create',
      target: `127.0.0.1`,
      request: `POST ${world.upstream.origin}/refunds`,
      actions: [{ type: 'create', params: '{ "amount": 50, "order": 7, "path": "/refunds" }' }],
      approvers: { given: 0, needed: 1 },
      commands: {
        show: `aegis-gateway approvals show ${name}`,
        approve: `aegis-gateway approvals approve ${name}`,
        deny: `aegis-gateway approvals deny ${name} --reason 'why not'`,
      },
    });
    const [, ...command] = String(Reflect.get(Object(event?.data?.['commands']), 'approve')).split(' ');
    expect((await gateway.cli(...command, '--yes')).code).toBe(0);
    expect((await world.refund(gateway, 7)).status).toBe(200);
    await counted(gateway, 'aegis_notices_total{target="cloudevents",result="sent"} 1');
    expect(await metricsOf(gateway)).toContain('aegis_notices_waiting{target="cloudevents"} 0');
    const ready = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/readyz`)).text();
    expect(ready).toContain('"name":"notify-cloudevents","ok":true,"detail":"is told, 0 notices wait"');
  });

  it('once, however often the agent asks', TIMEOUT, async () => {
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    for (const order of [1, 1, 1, 2]) await world.refund(gateway, order);
    const events = await world.receiver.events(2);
    expect(new Set(events.map(({ subject }) => subject)).size).toBe(2);
    await counted(gateway, 'aegis_notices_total{target="cloudevents",result="sent"} 2');
    expect(world.receiver.seen).toHaveLength(2);
  });

  it('and what was decided and what ended, to whom that is configured', TIMEOUT, async () => {
    const gateway = await world.gateway([eventsTo(world.receiver, 'events: [decided, ended]')], {
      limits: 'approval_wait: 0s, approval_ttl: 15s',
    });
    const one = approvalOf(await world.refund(gateway, 1));
    const two = approvalOf(await world.refund(gateway, 2));
    await gateway.cli('approvals', 'approve', one, '--yes');
    await world.receiver.events(1);
    await gateway.cli('approvals', 'deny', two, '--reason', 'not this customer', '--yes');
    await world.receiver.events(2);
    expect((await world.refund(gateway, 1)).status).toBe(200);
    const events = await world.receiver.events(3);
    expect(events.map(({ type, subject, data }) => [type, subject, data?.['phase'], data?.['decision']])).toEqual([
      [
        'dev.aegis.approval.decided',
        one,
        'approved',
        { approver: expect.any(String), verdict: 'approved', reason: '' },
      ],
      [
        'dev.aegis.approval.decided',
        two,
        'denied',
        { approver: expect.any(String), verdict: 'denied', reason: 'not this customer' },
      ],
      ['dev.aegis.approval.ended', one, 'consumed', null],
    ]);
    expect(events.map(({ data }) => data?.['commands'])).toEqual(
      [one, two, one].map((name) => ({ show: `aegis-gateway approvals show ${name}` })),
    );
  });

  it('to several targets, each with what it wants', TIMEOUT, async () => {
    await using other = await startNoticeReceiver();
    const gateway = await world.gateway([eventsTo(world.receiver), eventsTo(other, 'name: ends, events: [ended]')], {
      limits: 'approval_wait: 0s, approval_ttl: 1s',
    });
    const name = approvalOf(await world.refund(gateway, 1));
    const [pending] = await world.receiver.events(1);
    const [ended] = await other.events(1);
    expect([pending?.type, pending?.subject]).toEqual(['dev.aegis.approval.pending', name]);
    expect([ended?.type, ended?.subject, ended?.data?.['text']]).toEqual([
      'dev.aegis.approval.ended',
      name,
      expect.stringContaining(`${name} was not decided in time`),
    ]);
    expect(world.receiver.seen).toHaveLength(1);
  });
});

describe('what is told', () => {
  it('holds no secret, of the agent or of the target', TIMEOUT, async () => {
    const gateway = await world.gateway(
      [
        eventsTo(world.receiver, 'credential: {file: token}, signature: {file: hmac}'),
        '{kind: slack, url_file: slack-address, events: [pending, decided, ended]}',
      ],
      { files: { token: 'target-token-1\n', hmac: 'hmac-key-1\n', 'slack-address': `${world.receiver.url}\n` } },
    );
    await throughProxy(gateway.port, `${world.upstream.origin}/refunds?api_key=query-secret-1`, {
      body: { order: 1, password: 'body-secret-1', note: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLWl0' },
      headers: { authorization: 'Bearer header-secret-1', cookie: 'session=cookie-secret-1' },
    });
    const messages = await world.receiver.received(2);
    const event = messages.find(({ headers }) => headers['content-type']?.includes('cloudevents') === true);
    expect(event?.headers).toMatchObject({
      authorization: 'Bearer target-token-1',
      'x-aegis-signature': expect.stringMatching(/^t=\d+,v1=[0-9a-f]{64}$/u),
    });
    const secrets = /-secret-1|-token-1|hmac-key|c2lnbmF0dXJl|SECRET/u;
    expect(messages.map(({ body }) => body).join('\n')).not.toMatch(secrets);
    expect(JSON.stringify(gateway.log)).not.toMatch(secrets);
    expect(messages.map(({ body }) => body).join('\n')).toContain('password');
  });
});

describe('a new configuration', () => {
  it('changes who is told, without a restart: a new target hears of what waits already', TIMEOUT, async () => {
    await using other = await startNoticeReceiver();
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    const name = approvalOf(await world.refund(gateway, 1));
    const [before] = await world.receiver.events(1);
    await world.replaceTargets(gateway, [eventsTo(other, 'name: pager')]);
    const [after] = await other.events(1);
    expect([after?.subject, after?.id]).toEqual([name, before?.id]);
    await world.refund(gateway, 2);
    await other.events(2);
    expect(world.receiver.seen).toHaveLength(1);
    expect(gateway.log.map(({ event }) => event)).not.toContain('config.needs-restart');
  });

  it('gives what waits for a target to the one of the same name, each notice once', TIMEOUT, async () => {
    await using other = await startNoticeReceiver();
    world.receiver.next.push(answer(503, { 'retry-after': '200' }));
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    const names = [];
    for (const order of [1, 2, 3]) names.push(approvalOf(await world.refund(gateway, order)));
    await gateway.logged('notify.failed');
    await world.replaceTargets(gateway, [eventsTo(other)]);
    const events = await other.events(3);
    expect(events.map(({ subject }) => subject)).toEqual(names);
    expect(events[0]?.id).toBe(eventIn(world.receiver.seen[0] ?? fail()).id);
  });

  it('is refused as a whole when it names a file that is not there', TIMEOUT, async () => {
    const gateway = await world.gateway([eventsTo(world.receiver)]);
    await world.replaceTargets(gateway, [eventsTo(world.receiver, 'ca_files: [gone.pem]')], 'config.rejected');
    expect(gateway.log.find(({ event }) => event === 'config.rejected')).toMatchObject({
      detail: expect.stringContaining('gone.pem'),
    });
    await world.refund(gateway, 1);
    await world.receiver.events(1);
  });
});

describe('what agents write', () => {
  it('arrives as what it is, whatever it would do to a terminal, a messenger or a receiver', TIMEOUT, async () => {
    const corpus = JSON.parse(
      readFileSync(new URL('../cases/hostile-strings.json', import.meta.url), 'utf8'),
    ) as readonly { readonly text: string; readonly shown: string }[];
    // Lone surrogates have no form on the wire.
    const texts = corpus.filter(({ text }) => text.isWellFormed() && text.length < 100);
    const gateway = await world.gateway(
      [eventsTo(world.receiver), '{kind: slack, url_file: slack-address, rate: 600}'],
      { files: { 'slack-address': `${world.receiver.url}\n` } },
    );
    for (const [index, group] of chunks(texts, 30).entries()) {
      const body = {
        order: index,
        lines: [...group.map(({ text }) => text), '<!channel> `@here`', '```<http://evil.example|x>'],
      };
      await throughProxy(gateway.port, `${world.upstream.origin}/refunds`, { body });
      const seen = (await world.receiver.received(2 * index + 2)).slice(-2);
      const event = seen.find(({ headers }) => headers['content-type']?.includes('cloudevents') === true);
      const slack = seen.find((one) => one !== event);
      const [action] = (eventIn(event ?? NOTHING).data?.['actions'] ?? []) as readonly { readonly params: string }[];
      for (const { shown } of group) expect(action?.params).toContain(shown.replaceAll('"', String.raw`\"`));
      const { blocks } = JSON.parse(slack?.body ?? '') as {
        readonly blocks: readonly { readonly text?: { readonly text: string } }[];
      };
      const said = blocks.map(({ text }) => text?.text ?? '').join('\n');
      expect(said).toContain(String.raw`"&lt;!channel&gt; \u{0060}@here\u{0060}"`);
      expect(`${said}${event?.body}`).not.toMatch(/(?!\n)[\p{C}\p{Default_Ignorable_Code_Point}]/u);
      expect(said).not.toMatch(/[<>]/u);
    }
  });
});

const NOTHING = { method: '', url: '', rawHeaders: [], headers: {}, body: '' };

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

function fail(): never {
  throw new Error('expected a request');
}
