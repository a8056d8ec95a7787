import { request as httpRequest } from 'node:http';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { RetirableUpstream, type ClosableUpstream } from '../../../src/forward/retirable-upstream.ts';
import type { Client } from '../../../src/model/client.ts';
import { passed } from '../../../src/model/fault.ts';
import type { ForwardOutcome } from '../../../src/model/ports.ts';
import type { CanonicalRequest } from '../../../src/model/request.ts';
import { destination, Gateway, httpServer } from './support.ts';

const SENT: ForwardOutcome = {
  result: 'success',
  status: 200,
  fault: null,
  answered: true,
  bytesSent: 0,
  bytesReceived: 0,
};

/** A way out whose exchanges end when they are told, and that says when it is closed. */
function waysOut() {
  const made: { closed: boolean; readonly running: (() => void)[] }[] = [];
  const upstream = new RetirableUpstream((): ClosableUpstream => {
    const one = { closed: false, running: [] as (() => void)[] };
    made.push(one);
    return {
      credentialGeneration: () => passed(''),
      forward: async () => {
        if (one.closed) throw new Error('expected nothing to be sent on what is closed');
        return await new Promise((resolve) => one.running.push(() => resolve(SENT)));
      },
      close: async () => void (one.closed = true),
      [Symbol.asyncDispose]: async () => void (one.closed = true),
    };
  });
  const send = async (): Promise<ForwardOutcome> =>
    await upstream.forward({} as CanonicalRequest, { kind: 'none' }, {} as Client, {
      exchangeId: '',
      idempotencyKey: null,
      signal: new AbortController().signal,
    });
  return { upstream, made, send };
}

describe('a way out that is retired', () => {
  it('is closed at once when nothing runs on it', async () => {
    const { upstream, made } = waysOut();
    await upstream.retire();
    expect(made.map(({ closed }) => closed)).toEqual([true]);
  });

  it('is closed when the last exchange has ended, not before', async () => {
    const { upstream, made, send } = waysOut();
    const exchanges = [send(), send()];
    const retired = upstream.retire();
    made[0]?.running[0]?.();
    await exchanges[0];
    expect(made[0]?.closed).toBe(false);
    made[0]?.running[1]?.();
    await Promise.all([...exchanges, retired]);
    expect(made[0]?.closed).toBe(true);
  });

  it('still sends what was judged before and comes late, and is closed again', async () => {
    const { upstream, made, send } = waysOut();
    await upstream.retire();
    const late = send();
    expect(made.map(({ closed }) => closed)).toEqual([true, false]);
    made[1]?.running[0]?.();
    expect(await late).toBe(SENT);
    expect(made.map(({ closed }) => closed)).toEqual([true, true]);
  });
});

it('a way out leaves nothing behind at the server of its clients, which outlives it', async () => {
  await using upstream = await httpServer((_request, response) => response.end('fine'));
  await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'streamed' });
  const before = gateway.closeListeners;
  const request = httpRequest({ port: gateway.port, method: 'POST' }).end('body');
  await once(request, 'response');
  expect((await gateway.next()).result).toBe('success');
  // What the library does when its request is over comes a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  expect(gateway.closeListeners).toBe(before);
});
