import { WebSocket } from 'ws';
import type { Caller } from './caller.ts';
import type { Ending } from './messages.ts';

const KIB = 1024;
/** The largest body that the gateway under soak judges. */
const BODY_LIMIT = 256 * KIB;

/** What a call is made with: the agent that makes it, an id that no other has, and chance. */
export interface Given {
  readonly caller: Caller;
  readonly id: string;
  readonly upstreamCa: string;
  /** At least 0, less than 1. */
  readonly random: () => number;
}

/** A kind of call: how often, how it is made, and the endings that it may have. */
export interface TrafficKind {
  readonly weight: number;
  readonly call: (given: Given) => Promise<Ending>;
  readonly may: readonly (number | 'aborted' | 'cut')[];
}

const JSON_TYPE = { 'content-type': 'application/json' };
const BYTES = { 'content-type': 'application/octet-stream' };

const order = (id: string, padding = 0): string => JSON.stringify({ order: id, amount: 7, note: 'x'.repeat(padding) });
const head = (caller: Caller, method: string, path: string, fields: readonly string[] = []): string => {
  const host = `127.0.0.1:${caller.upstreams.http}`;
  return [`${method} http://${host}${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', ''].join(
    '\r\n',
  );
};
const pieces = (text: string, count: number): readonly string[] => {
  const size = Math.ceil(text.length / count);
  return Array.from({ length: count }, (_, index) => text.slice(index * size, (index + 1) * size));
};

/** Everything that the soak sends. */
export const TRAFFIC: { readonly [kind: string]: TrafficKind } = {
  proxy: { weight: 20, may: [200], call: ({ caller, id }) => caller.proxied(`/fast/${id}`) },
  route: { weight: 12, may: [200], call: ({ caller, id }) => caller.routed(`/fast/${id}`) },
  json: {
    weight: 14,
    may: [200],
    call: ({ caller, id, random }) =>
      caller.proxied(`/fast/${id}`, { headers: JSON_TYPE, body: order(id, Math.floor(random() * 64 * KIB)) }),
  },
  https: {
    weight: 8,
    may: [200],
    call: ({ caller, id }) => caller.connected(caller.upstreams.https, `/fast/${id}`, caller.target.ca),
  },
  tunnel: {
    weight: 4,
    may: [200],
    call: ({ caller, upstreamCa }) => caller.connected(caller.upstreams.tunnel, '/', upstreamCa),
  },
  websocket: { weight: 4, may: [101, 'aborted'], call: webSocket },
  events: { weight: 4, may: [200], call: ({ caller, id }) => caller.proxied(`/events/${id}`) },
  download: { weight: 4, may: [200], call: ({ caller, id }) => caller.proxied(`/large/${id}`) },
  upload: {
    weight: 4,
    may: [200],
    call: ({ caller, id }) =>
      caller.proxied(`/fast/${id}`, {
        method: 'PUT',
        headers: { ...BYTES, 'transfer-encoding': 'chunked' },
        body: Buffer.alloc(2 * BODY_LIMIT, 'up'),
        writeEveryMs: 100,
      }),
  },
  blocked: { weight: 5, may: [403], call: ({ caller, id }) => caller.proxied(`/fast/${id}`, { method: 'DELETE' }) },
  pending: {
    weight: 3,
    may: [403],
    call: ({ caller, id }) => caller.proxied(`/fast/${id}`, { method: 'PATCH', headers: JSON_TYPE, body: order(id) }),
  },
  // The approval ends while the connection is held for it, or on another attempt.
  expiring: {
    weight: 2,
    may: [403],
    call: ({ caller, id }) => caller.proxied(`/fast/held-${id}?desk=1`, { headers: JSON_TYPE, body: order(id) }),
  },
  'slow head': {
    weight: 3,
    may: [200],
    call: ({ caller, id }) => caller.raw(pieces(head(caller, 'GET', `/fast/${id}`), 10), 100),
  },
  // A starved machine (40 processes for two cores) took 4 of 298 all the same; that none passes otherwise is a test of its own.
  'head too slow': {
    weight: 1,
    may: [408, 200],
    call: ({ caller, id }) => caller.raw(pieces(head(caller, 'GET', `/fast/${id}`), 20), 1_000),
  },
  'slow body': {
    weight: 3,
    may: [200],
    call: ({ caller, id }) =>
      caller.proxied(`/fast/${id}`, { headers: JSON_TYPE, body: order(id, 32 * KIB), writeEveryMs: 100 }),
  },
  'body too slow': {
    weight: 1,
    may: [408],
    call: ({ caller, id }) =>
      caller.raw(
        [head(caller, 'POST', `/fast/${id}`, ['Content-Length: 10000', 'Content-Type: application/json']), '{'],
        10,
      ),
  },
  'slow reader': {
    weight: 2,
    may: [200],
    call: ({ caller, id }) => caller.proxied(`/large/${id}`, { readEveryMs: 100 }),
  },
  'slow upstream': { weight: 4, may: [200], call: ({ caller, id }) => caller.proxied(`/slow/${id}`) },
  'dripping upstream': { weight: 3, may: [200], call: ({ caller, id }) => caller.routed(`/drip/${id}`) },
  'hanging upstream': { weight: 1, may: [504], call: ({ caller, id }) => caller.proxied(`/hang/${id}`) },
  'cut upstream': { weight: 1, may: ['cut'], call: ({ caller, id }) => caller.proxied(`/cut/${id}`) },
  abort: { weight: 8, may: ['aborted', 200, 'cut'], call: abort },
  oversize: {
    weight: 2,
    may: [413],
    call: ({ caller, id }) =>
      caller.raw([head(caller, 'POST', `/fast/${id}`, ['Content-Length: 300000', 'Content-Type: application/json'])]),
  },
  'oversize in chunks': {
    weight: 2,
    may: [413],
    call: ({ caller, id }) =>
      caller.raw([
        head(caller, 'POST', `/fast/${id}`, ['Transfer-Encoding: chunked', 'Content-Type: application/json']),
        `${(BODY_LIMIT + KIB).toString(16)}\r\n${'7'.repeat(BODY_LIMIT + KIB)}\r\n0\r\n\r\n`,
      ]),
  },
  malformed: { weight: 4, may: [400, 431], call: malformed },
};

/** Talks for a while, and leaves without a word now and then. */
async function webSocket({ caller, id, random }: Given): Promise<Ending> {
  const host = `127.0.0.1:${caller.upstreams.http}`;
  const socket = new WebSocket(`ws://127.0.0.1:${caller.target.port}/`, {
    headers: { host },
    finishRequest: (request) => {
      request.path = `http://${host}/socket/${id}`;
      request.end();
    },
  });
  const leaves = random() < 0.3;
  let answers = 0;
  return await new Promise<Ending>((done) => {
    socket.on('open', () => socket.send('0'.repeat(KIB)));
    socket.on('message', (data: Buffer) => {
      answers += 1;
      if (answers < 10) setTimeout(() => socket.send(data), 50);
      else if (leaves) socket.terminate();
      else socket.close();
    });
    socket.on('error', (error) => done({ kind: 'unanswered', detail: `${String(error)} after ${answers} answers` }));
    socket.on('close', (code) => {
      if (answers < 10) done({ kind: 'unanswered', detail: `closed (${code}) after ${answers} answers` });
      else done(leaves ? { kind: 'aborted' } : { kind: 'answered', status: 101 });
    });
  });
}

/** Leaves at a random moment: before, during or after the body, the wait and the answer. */
async function abort({ caller, id, random }: Given): Promise<Ending> {
  const leaveAfterMs = Math.floor(random() ** 2 * 1_500);
  const ways: readonly (() => Promise<Ending>)[] = [
    () => caller.proxied(`/slow/${id}`, { leaveAfterMs }),
    () => caller.proxied(`/events/${id}`, { leaveAfterMs }),
    () => caller.proxied(`/large/${id}`, { leaveAfterMs, readEveryMs: 200 }),
    () =>
      caller.proxied(`/drip/${id}`, { leaveAfterMs, headers: JSON_TYPE, body: order(id, 64 * KIB), writeEveryMs: 80 }),
    () =>
      caller.proxied(`/slow/${id}`, {
        leaveAfterMs,
        method: 'PUT',
        headers: { ...BYTES, 'transfer-encoding': 'chunked' },
        body: Buffer.alloc(BODY_LIMIT, 'up'),
        writeEveryMs: 80,
      }),
  ];
  return (await ways[Math.floor(random() * ways.length)]?.()) ?? { kind: 'aborted' };
}

async function malformed({ caller, id, random }: Given): Promise<Ending> {
  const get = head(caller, 'GET', `/fast/${id}`).trimEnd();
  const messages: readonly string[] = [
    'RUBBISH\r\n\r\n',
    `${get}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${get}\r\nHost: other.example\r\n\r\n`,
    `${get}\r\nX-Field: a\0b\r\n\r\n`,
    head(caller, 'GET', `/fast/${id}/../../x`),
    head(caller, 'GET', `/fast/${id}/%zz`),
    head(caller, 'POST', `/fast/${id}`, ['Content-Type: application/json', 'Content-Length: 13']) + '{"a":1,"a":2}',
    `${get}\r\nX-Large: ${'x'.repeat(40 * KIB)}\r\n\r\n`,
    `${get}\r\n${'X-Many: x\r\n'.repeat(300)}\r\n`,
  ];
  return await caller.raw([messages[Math.floor(random() * messages.length)] ?? '']);
}
