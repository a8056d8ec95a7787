import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CursorFile } from '../../../src/audit/cursor-file.ts';
import type { OpenedJournal } from '../../../src/audit/journal.ts';
import { startFeed, type SinkFeed } from '../../../src/audit/sink-feed.ts';
import { openStdoutSink } from '../../../src/audit/stdout-sink.ts';
import { openWebhookSink, type WebhookSinkSettings } from '../../../src/audit/webhook-sink.ts';
import { TestAuthority } from '../forward/certificates.ts';
import { fixedClock, keptLog, NOON } from './bodies.ts';
import { distinct, startCollector, takenIds, type Behaviour, type Collector } from './collector.ts';
import { appendSynced, signingWith } from './signing.ts';
import { open, recordsIn, temporaryDirectories, until } from './temporary.ts';
import { webhookTo } from './webhook.ts';

const directory = temporaryDirectories();

const answer =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    void response.writeHead(status, headers).end('later');

interface Running extends AsyncDisposable {
  readonly dir: string;
  readonly journal: OpenedJournal;
  readonly feed: SinkFeed;
  readonly log: ReturnType<typeof keptLog>;
  readonly cursor: string;
}

interface Given {
  readonly change?: Partial<WebhookSinkSettings>;
  readonly longestRetryMs?: number;
  readonly folder?: string;
}

async function follow(
  url: URL,
  { change = {}, longestRetryMs = 20, folder = directory() }: Given = {},
): Promise<Running> {
  const log = keptLog();
  const dir = join(folder, 'journal');
  const cursor = join(folder, 'sinks', 'webhook.cursor.json');
  const journal = await open(dir, { signing: await signingWith(folder, { segmentBytes: 8_000 }), newId: randomUUID });
  const sink = openWebhookSink(webhookTo(url, change), new CursorFile(cursor), fixedClock());
  const settings = { batch: { records: 4, bytes: 1_000_000 }, restMs: 0, firstRetryMs: 1, longestRetryMs };
  const feed = startFeed({ journal, sink, log, settings, random: () => 0.5 });
  return {
    dir,
    journal,
    feed,
    log,
    cursor,
    async [Symbol.asyncDispose]() {
      await journal.close();
      await feed.stop(2_000);
    },
  };
}

function idsIn(dir: string): readonly string[] {
  const segments = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
  return segments.flatMap((name) => recordsIn(dir, name)).map(({ id }) => id);
}

/** Everything that is in the journal came, in order, and what came twice came with the same id. */
function expectAll(running: Running, collector: Pick<Collector, 'taken'>): void {
  expect(distinct(takenIds(collector))).toEqual(idsIn(running.dir));
}

describe('the webhook sink', () => {
  it('posts the lines of the journal, in order, each once, over every segment', async () => {
    await using collector = await startCollector();
    await using running = await follow(collector.url);
    await appendSynced(running.journal, 40);
    await running.feed.caughtUp();
    expect(takenIds(collector)).toEqual(idsIn(running.dir));
    expect(running.journal.syncedPosition().segment).toBeGreaterThan(1);
    expect(collector.taken[0]?.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'user-agent': 'aegis-gateway',
    });
    const [line] = readFileSync(join(running.dir, '00000001.jsonl'), 'utf8').split('\n');
    expect(collector.taken[0]?.body.split('\n')[0]).toBe(line);
    expect(running.feed.behind()).toBe(0);
    expect(statSync(running.cursor).mode & 0o777).toBe(0o600);
  });

  it.each<[string, readonly Behaviour[]]>([
    ['answers 500 and 503', [answer(500), answer(503), answer(500)]],
    ['answers 429 and 408', [answer(429), answer(408)]],
    ['resets the connection before it answers', [(response) => void response.socket?.resetAndDestroy()]],
    [
      'resets the connection in the middle of its answer',
      [
        (response) => {
          response.writeHead(500, { 'content-length': '100' }).write('half');
          setImmediate(() => response.socket?.resetAndDestroy());
        },
      ],
    ],
    ['does not answer in time', [() => undefined]],
    ['redirects', [answer(307, { location: 'http://127.0.0.1:9/' })]],
  ])('loses nothing to a service that %s', async (_, behaviours) => {
    await using collector = await startCollector();
    await using running = await follow(collector.url, { change: { timeoutMs: 100 } });
    collector.next.push(...behaviours);
    await appendSynced(running.journal, 10);
    await running.feed.caughtUp();
    expectAll(running, collector);
    expect(running.log.events).toContain('audit.sink-failed');
    expect(running.log.events).toContain('audit.sink-works-again');
    expect(running.feed.problem()).toBeNull();
  });

  it.each<[string, Behaviour]>([
    [
      'is cut off',
      (response) => {
        response.writeHead(200, { 'content-length': '100' }).write('half');
        setImmediate(() => response.socket?.resetAndDestroy());
      },
    ],
    ['does not end', (response) => void response.writeHead(200).write('and so on')],
  ])(
    'takes the word of a service that the records are taken, where the rest of its answer %s',
    async (_, behaviour) => {
      await using collector = await startCollector();
      await using running = await follow(collector.url, { change: { timeoutMs: 200 } });
      collector.next.push(behaviour);
      await appendSynced(running.journal, 3);
      await running.feed.caughtUp();
      expect(running.log.events).not.toContain('audit.sink-failed');
      const [first] = collector.seen;
      expect(collector.seen.filter(({ body }) => body === first?.body)).toHaveLength(1);
    },
  );

  it('says that there was no answer in time', async () => {
    await using collector = await startCollector();
    await using running = await follow(collector.url, { change: { timeoutMs: 50 } });
    collector.next.push(() => undefined);
    await appendSynced(running.journal, 1);
    await until(() => running.log.events.includes('audit.sink-failed'));
    const failed = running.log.lines.find(({ event }) => event === 'audit.sink-failed');
    expect(failed?.fields['problem']).toBe(`${collector.url.origin}: no answer within 50 ms`);
    await running.feed.caughtUp();
  });

  it('loses nothing while the service is down, and says how far it is behind', async () => {
    const gone = await startCollector();
    await gone[Symbol.asyncDispose]();
    await using running = await follow(gone.url);
    await appendSynced(running.journal, 10);
    await until(() => running.feed.problem() !== null);
    expect(running.feed.problem()).toContain('ECONNREFUSED');
    expect(running.feed.behind()).toBe(10);
    await using collector = await startCollector(Number(gone.url.port));
    await running.feed.caughtUp();
    expectAll(running, collector);
  });

  it('loses nothing to a slow service, and holds one batch at a time', async () => {
    await using collector = await startCollector();
    let under = 0;
    let most = 0;
    const slow: Behaviour = (response) => {
      under += 1;
      most = Math.max(most, under);
      setTimeout(() => {
        under -= 1;
        response.writeHead(200).end();
      }, 20);
    };
    collector.next.push(...Array.from({ length: 5 }, () => slow));
    await using running = await follow(collector.url);
    await appendSynced(running.journal, 20);
    await running.feed.caughtUp();
    expectAll(running, collector);
    expect(most).toBe(1);
  });

  it('keeps what is refused for good, tries it again, and says so loudly', async () => {
    await using collector = await startCollector();
    await using running = await follow(collector.url);
    collector.next.push(answer(401), answer(400), answer(403));
    await appendSynced(running.journal, 10);
    await until(() => running.log.events.includes('audit.sink-failed'));
    expect(running.log.lines.find(({ event }) => event === 'audit.sink-failed')?.fields).toMatchObject({
      problem: expect.stringContaining('found 401; the records are kept and tried again, but this needs somebody'),
      lasting: true,
    });
    await running.feed.caughtUp();
    expectAll(running, collector);
  });

  it('waits for as long as the service asks, as a number or as a date', async () => {
    await using collector = await startCollector();
    await using running = await follow(collector.url);
    const date = new Date(NOON + 1_000).toUTCString();
    collector.next.push(answer(503, { 'retry-after': '1' }), answer(429, { 'retry-after': date }));
    await appendSynced(running.journal, 1);
    await running.feed.caughtUp();
    const waits = running.log.lines
      .filter(({ event }) => event === 'audit.sink-failed')
      .map(({ fields }) => fields['retryMs']);
    expect(waits).toEqual([1_000, 1_000]);
  });

  it('sends in halves what is too much for the service, but not for ever', async () => {
    await using collector = await startCollector();
    await using running = await follow(collector.url);
    collector.next.push(answer(413), answer(413), answer(413));
    await appendSynced(running.journal, 4);
    await running.feed.caughtUp();
    expectAll(running, collector);
  });

  it('goes on where it was when it is started again, and repeats what it cannot know to be there', async () => {
    const folder = directory();
    await using collector = await startCollector();
    {
      await using running = await follow(collector.url, { folder });
      await appendSynced(running.journal, 10);
      await running.feed.caughtUp();
    }
    const before = takenIds(collector).length;
    {
      await using running = await follow(collector.url, { folder });
      await appendSynced(running.journal, 3, 100);
      await running.feed.caughtUp();
      expect(takenIds(collector)).toHaveLength(before + 3);
    }
    writeFileSync(join(folder, 'sinks', 'webhook.cursor.json'), 'torn');
    await using running = await follow(collector.url, { folder });
    await running.feed.caughtUp();
    expectAll(running, collector);
    expect(takenIds(collector).length).toBeGreaterThan(2 * before);
  });

  it('adds a credential and a signature, from files that may change, and logs neither', async () => {
    const folder = directory();
    const [token, key] = [join(folder, 'token'), join(folder, 'key')];
    writeFileSync(token, 'first-secret\n');
    writeFileSync(key, 'hmac-key\n');
    await using collector = await startCollector();
    await using running = await follow(collector.url, {
      folder,
      change: {
        format: 'json',
        credential: { header: 'Authorization', format: 'Bearer {secret}', file: token },
        signature: { header: 'X-Aegis-Signature', file: key },
      },
    });
    await appendSynced(running.journal, 2);
    await running.feed.caughtUp();
    const [first] = collector.taken;
    expect(first?.headers).toMatchObject({ authorization: 'Bearer first-secret', 'content-type': 'application/json' });
    expect(JSON.parse(first?.body ?? '')).toMatchObject([{ seq: 1 }]);
    const seconds = NOON / 1_000;
    const mac = createHmac('sha256', 'hmac-key').update(`${seconds}.${first?.body}`).digest('hex');
    expect(first?.headers['x-aegis-signature']).toBe(`t=${seconds},v1=${mac}`);
    writeFileSync(token, 'two\nlines\n');
    await appendSynced(running.journal, 1);
    await until(() => running.feed.problem() !== null);
    expect(running.feed.problem()).toContain('expected a secret of printable characters of ASCII on one line');
    writeFileSync(token, 'second-secret');
    await running.feed.caughtUp();
    expect(collector.taken.at(-1)?.headers.authorization).toBe('Bearer second-secret');
    expect(JSON.stringify(running.log.lines)).not.toMatch(/first-secret|second-secret|hmac-key|lines/);
  });

  it('sends nothing to a service whose certificate it cannot verify', async () => {
    using authority = new TestAuthority();
    await using unknown = await startCollector(0, authority.selfSigned('IP:127.0.0.1'));
    await using wrongName = await startCollector(0, authority.issue('DNS:collector.example'));
    await using right = await startCollector(0, authority.issue('IP:127.0.0.1'));
    for (const collector of [unknown, wrongName, right]) {
      await using running = await follow(collector.url, { change: { extraCa: [authority.cert] } });
      await appendSynced(running.journal, 3);
      if (collector === right) {
        await running.feed.caughtUp();
        expectAll(running, collector);
      } else {
        await until(() => running.feed.problem() !== null);
        expect(running.feed.problem()).toMatch(/certificate|altnames/u);
        expect(collector.seen).toEqual([]);
      }
    }
  });

  it('loses nothing and keeps the order when its gateway is killed again and again', async () => {
    const folder = directory();
    await using collector = await startCollector();
    for (let run = 0; run < 6; run += 1) {
      const script = new URL('webhook-child.ts', import.meta.url).pathname;
      const child = spawn(process.execPath, [script, folder, collector.url.href, `run${run}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await ready(child);
      const target = collector.seen.length + 3 + run * 2;
      if (run % 2 === 1) collector.next.push(answer(500), (response) => void response.socket?.resetAndDestroy());
      await until(() => collector.seen.length >= target);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const dir = join(folder, 'journal');
    const journal = await open(dir, { signing: await signingWith(folder), newId: () => 'end' });
    const sink = openWebhookSink(webhookTo(collector.url), new CursorFile(join(folder, 'cursor.json')), fixedClock());
    const feed = startFeed({ journal, sink, log: keptLog() });
    await feed.caughtUp();
    await feed.stop(2_000);
    await journal.close();
    const ids = idsIn(dir).slice(0, -1);
    expect(distinct(takenIds(collector))).toEqual(ids);
    expect(ids.length).toBeGreaterThan(50);
  }, 60_000);
});

async function ready(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('expected an output');
  await once(child.stdout, 'data');
}

describe('the sink of standard output', () => {
  it('writes the lines of the journal, and tries again what could not be written', async () => {
    const folder = directory();
    const written: string[] = [];
    const failures = ['EPIPE'];
    const write = (text: string): void => {
      const failure = failures.shift();
      if (failure !== undefined) throw new Error(failure);
      written.push(text);
    };
    const journal = await open(join(folder, 'journal'));
    const sink = openStdoutSink(write, new CursorFile(join(folder, 'sinks', 'stdout.cursor.json')));
    const settings = { batch: { records: 4, bytes: 1_000_000 }, restMs: 0, firstRetryMs: 1, longestRetryMs: 5 };
    const feed = startFeed({ journal, sink, log: keptLog(), settings });
    await appendSynced(journal, 10);
    await feed.caughtUp();
    await feed.stop(1_000);
    await journal.close();
    expect(written.join('')).toBe(readFileSync(join(folder, 'journal', '00000001.jsonl'), 'utf8'));
  });
});
