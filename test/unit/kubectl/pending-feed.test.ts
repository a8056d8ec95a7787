import { expect, it } from 'vitest';
import { watchEventOf, type Listed, type WatchEvent } from '../../../src/kubectl/cluster-requests.ts';
import { KubectlError } from '../../../src/kubectl/kubectl-error.ts';
import { PendingFeed, type FeedWorld, type PendingSource, type Waiting } from '../../../src/kubectl/pending-feed.ts';
import { seenRequest } from '../../../src/kubectl/seen-request.ts';
import { approvalRequest } from '../../support/approval-request.ts';

/** An object as the API server stores it. */
function stored(name: string): object {
  const made = approvalRequest(name, {
    metadata: { uid: name, resourceVersion: '1', creationTimestamp: '2026-11-24T18:00:00Z' },
    spec: { requester: 'gateway', request: { entry: 'route', method: 'POST', url: 'https://a.example/' } },
  });
  return { ...made, status: { phase: 'Pending' } };
}

const ONE = 'apr-0000000001';
const TWO = 'apr-0000000002';

interface Script {
  readonly lists: (Listed | KubectlError)[];
  readonly watches: (readonly WatchEvent[] | KubectlError)[];
}

/** Plays what was written down, and aborts when it has nothing more. */
function feedOf({ lists, watches }: Script): { feed: PendingFeed; from: string[]; slept: number[] } {
  const stop = new AbortController();
  const from: string[] = [];
  const slept: number[] = [];
  const source: PendingSource = {
    list: async () => {
      const next = lists.shift();
      if (next === undefined) throw new Error('expected no further list');
      if (next instanceof KubectlError) throw next;
      return await Promise.resolve(next);
    },
    watch: async function* (resourceVersion) {
      from.push(resourceVersion);
      const next = watches.shift();
      if (watches.length === 0) stop.abort();
      if (next instanceof KubectlError) throw next;
      yield* next ?? [];
      await Promise.resolve();
    },
  };
  let time = 0;
  const world: FeedWorld = {
    signal: stop.signal,
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      await Promise.resolve();
    },
    monotonic: () => (time += 10_000),
  };
  return { feed: new PendingFeed(source, world), from, slept };
}

async function all(feed: PendingFeed): Promise<readonly Waiting[]> {
  const found: Waiting[] = [];
  for await (const waiting of feed.follow()) found.push(waiting);
  return found;
}

const listed = (resourceVersion: string, ...names: readonly string[]): Listed => ({
  resourceVersion,
  requests: names.map((name) => seenRequest(stored(name))),
});
const changed = (name: string, resourceVersion: string): WatchEvent => ({
  kind: 'changed',
  request: seenRequest(stored(name)),
  resourceVersion,
});
const namesOf = (waiting: Waiting | undefined): readonly string[] => (waiting?.requests ?? []).map(({ name }) => name);
const AWAY = new KubectlError('unreachable', 'The connection to the server was refused');

it('goes on where a watch ended, also after nothing but bookmarks', async () => {
  const { feed, from } = feedOf({
    lists: [listed('5', ONE)],
    watches: [[changed(TWO, '7')], [{ kind: 'bookmark', resourceVersion: '9' }], []],
  });
  const found = await all(feed);
  expect(from).toEqual(['5', '7', '9']);
  expect(namesOf(found.at(-1))).toEqual([ONE, TWO]);
});

it('lists anew when the server has forgotten the version', async () => {
  const { feed, from } = feedOf({
    lists: [listed('5', ONE), listed('50', TWO)],
    watches: [[{ kind: 'forgotten' }], []],
  });
  const found = await all(feed);
  expect(from).toEqual(['5', '50']);
  expect(namesOf(found.at(-1))).toEqual([TWO]);
});

it('waits longer each time while the server is away, says so, and lists when it is back', async () => {
  const { feed, from, slept } = feedOf({
    lists: [listed('5', ONE), AWAY, AWAY, listed('60', TWO)],
    watches: [AWAY, []],
  });
  const found = await all(feed);
  expect(found.map(({ trouble }) => trouble?.retryMs ?? null)).toEqual([null, 1_000, 2_000, 4_000, null]);
  expect(slept).toEqual([1_000, 2_000, 4_000]);
  expect(namesOf(found[1])).toEqual([ONE]);
  expect(namesOf(found.at(-1))).toEqual([TWO]);
  expect(from).toEqual(['5', '60']);
});

it('rejects when the first list does', async () => {
  await expect(all(feedOf({ lists: [AWAY], watches: [] }).feed)).rejects.toThrow('was refused');
});

it('reads the events of a watch, and errors that stand in one', () => {
  const event = (type: string, object: object): string => JSON.stringify({ type, object });
  expect(watchEventOf(event('ADDED', stored(ONE)))).toMatchObject({ kind: 'changed', resourceVersion: '1' });
  expect(watchEventOf(event('DELETED', stored(ONE)))).toMatchObject({ kind: 'gone' });
  expect(watchEventOf(event('BOOKMARK', { metadata: { resourceVersion: '8' } }))).toEqual({
    kind: 'bookmark',
    resourceVersion: '8',
  });
  expect(watchEventOf(event('ERROR', { code: 410 }))).toEqual({ kind: 'forgotten' });
  expect(() => watchEventOf(event('ERROR', { code: 500, message: 'etcd is gone' }))).toThrow('etcd is gone');
  for (const line of ['', 'no JSON', '[]', '{"type":"UNHEARD"}']) expect(watchEventOf(line)).toBeNull();
});

it('names what it cannot read, and shows nothing of it', () => {
  for (const raw of [
    null,
    {},
    { metadata: { name: ONE, namespace: 'agents' } },
    { ...stored(ONE), spec: { why: 'x' } },
  ])
    expect(seenRequest(raw)).toMatchObject({ unreadable: expect.stringContaining('expected') });
  const odd = stored(ONE) as { spec: object };
  expect(seenRequest({ ...odd, spec: { ...odd.spec, why: String.raw`\u00zz` } })).toMatchObject({
    name: ONE,
    namespace: 'agents',
    unreadable: expect.stringContaining('printable ASCII'),
  });
});
