import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildWithKillPoints, findAwaits, instrument, PHASES, pointsOfExchange } from '../support/kill-points.ts';
import { CAN_TELL_STORIES, STORIES, storyPolicy } from '../support/kill-stories.ts';
import { KillWorld, type Story } from '../support/kill-world.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

/** Each has a data folder of its own; a gateway is killed and started again some thirty times on it. */
const WORLDS = 2;

let product: Awaited<ReturnType<typeof buildWithKillPoints>>;
let folder: string;
const upstreams: HttpUpstream[] = [];
const worlds: KillWorld[] = [];

beforeAll(async () => {
  product = await buildWithKillPoints();
  folder = await mkdtemp(join(tmpdir(), 'aegis-kill-points-'));
  for (let n = 0; n < WORLDS; n += 1) {
    const upstream = await startHttpUpstream();
    upstreams.push(upstream);
    // Nothing listens on port 1.
    const config = `upstream: {allow: ["127.0.0.1:${upstream.port}", "127.0.0.1:1"]}\nlimits: {approval_wait: 0s}`;
    const options = { entry: product.entry, config, upstream, policyOf: storyPolicy };
    worlds.push(await KillWorld.start(options, join(folder, `armed-${n}`)));
  }
});
afterAll(async () => {
  for (const one of [...worlds, ...upstreams, product]) await one[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('the kill points of a source text', () => {
  it('are at every await, nested ones and those behind other than ASCII text too', () => {
    const source = '/* \u00fc */ async function f() { return (await g(await h())).x; }';
    expect(findAwaits(source).map(({ name, text }) => [name, text])).toEqual([
      ['f 1', 'g(await h())'],
      ['f 2', 'h()'],
    ]);
    expect(instrument(source).split('\n')[1]).toBe(
      '/* \u00fc */ async function f() { return (' +
        '__killPoint("f 1 settled", await __killPoint("f 1 called", g(' +
        '__killPoint("f 2 settled", await __killPoint("f 2 called", h())))))).x; }',
    );
  });

  it('refuse what they have no place in', () => {
    expect(() => findAwaits('async function f() { for await (const x of y) x; }')).toThrow('expected only "await"');
    expect(() => findAwaits('async function f() { await using x = y; }')).toThrow('expected only "await"');
  });
});

describe.runIf(CAN_TELL_STORIES)('a gateway that is killed at any await of exchange.ts', () => {
  it(
    'has forwarded nothing without an intent and nothing twice, and closes every exchange when it starts again',
    { timeout: 400_000 },
    async () => {
      const awaits = await pointsOfExchange();
      expect(awaits.length).toBeGreaterThan(25);
      // A call ends where exchange() has nothing left to wait for.
      const isLast = (text: string): boolean => text.startsWith('refuse(') || text.startsWith('release(');
      const ends = awaits.filter(({ name, text }) => name.startsWith('exchange ') && isLast(text));
      const last = new Set(ends.map(({ name }) => `${name} settled`));
      const storyOf = new Map<string, Story>();
      for (const story of STORIES) {
        for (const point of (await worlds[0]?.trace(story, last)) ?? [])
          storyOf.set(point, storyOf.get(point) ?? story);
      }
      // Whoever adds an await to exchange.ts adds a story that passes it, where none does yet.
      const points = awaits.flatMap(({ name }) => PHASES.map((phase) => `${name} ${phase}`));
      expect(points.filter((point) => !storyOf.has(point))).toEqual([]);
      const left = points.toReversed();
      await Promise.all(
        worlds.map(async (world) => {
          for (let point = left.pop(); point !== undefined; point = left.pop()) {
            const story = storyOf.get(point);
            if (story !== undefined) await world.killAt(point, story);
          }
        }),
      );
      // Killed between intent and outcome, and after the upstream had the request.
      expect(upstreams.flatMap(({ seen }) => seen).some(({ url }) => url.includes('-release-6-settled'))).toBe(true);
    },
  );

  it('leaves a journal that is whole', async () => {
    for (const { gateway } of worlds) {
      const { code, stdout } = await gateway.cli('audit', 'verify');
      expect([code, stdout]).toEqual([0, expect.stringContaining('the chain is whole')]);
    }
  });
});
