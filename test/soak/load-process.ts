/** The load of the soak: its upstreams and its agents, in a process of their own. It is told what to do by messages. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TestAuthority } from '../unit/forward/certificates.ts';
import { Caller } from './caller.ts';
import type { Ending, FromLoad, LoadReport, ToLoad } from './messages.ts';
import { TRAFFIC, type TrafficKind } from './traffic.ts';
import { startUpstreams } from './upstreams.ts';

/** Wrong endings that are told one by one. */
const SHOWN = 20;
/** Between two calls of an agent, at most; twice the usual. */
const MOST_PAUSE_MS = 1_500;

using authority = new TestAuthority();
const upstreams = await startUpstreams(authority.issue('DNS:localhost,IP:127.0.0.1'));
let calls = 0;
const { http, https, tunnel } = upstreams;
const say = (message: FromLoad): void => void process.send?.(message);

// Whoever started this process ends it; without him there is nothing left to do.
process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToLoad) => {
  if (message.kind === 'end') {
    say({ kind: 'seen', ids: [...upstreams.seen], tunnels: upstreams.tunnels() });
    return;
  }
  void run(message).then((report) => say({ kind: 'done', report }));
});
say({ kind: 'listening', http, https, tunnel, ca: authority.cert });

/** Lets so many agents call for so long, and waits until the last call has ended. */
async function run(asked: Extract<ToLoad, { kind: 'run' }>): Promise<LoadReport> {
  const counts: Record<string, Record<string, number>> = {};
  const wrong: string[] = [];
  let wrongCount = 0;
  const note = (name: string, { may }: TrafficKind, ending: Ending): void => {
    const shown = ending.kind === 'answered' ? String(ending.status) : ending.kind;
    const kind = (counts[name] ??= {});
    kind[shown] = (kind[shown] ?? 0) + 1;
    if (may.some((allowed) => String(allowed) === shown)) return;
    wrongCount += 1;
    const detail = ending.kind === 'unanswered' ? `: ${ending.detail}` : '';
    if (wrong.length < SHOWN) wrong.push(`${name}: ${shown}${detail}`);
  };
  const until = performance.now() + asked.seconds * 1_000;
  await Promise.all(
    Array.from({ length: asked.connections }, async (_, index) => {
      const random = chance(asked.seed + index);
      const caller = new Caller(asked.target, upstreams);
      await sleep(random() * MOST_PAUSE_MS);
      while (performance.now() < until) {
        const [name, kind] = choose(random());
        calls += 1;
        const given = { caller, random, id: `r${calls}`, upstreamCa: authority.cert };
        note(name, kind, await kind.call(given).catch((error: unknown) => failed(error)));
        await sleep(random() * MOST_PAUSE_MS);
      }
      caller.close();
    }),
  );
  return { counts, wrong, wrongCount };
}

function failed(error: unknown): Ending {
  return { kind: 'unanswered', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function choose(at: number): readonly [string, TrafficKind] {
  const kinds = Object.entries(TRAFFIC);
  let left = at * kinds.reduce((sum, [, { weight }]) => sum + weight, 0);
  const found = kinds.find(([, { weight }]) => (left -= weight) < 0) ?? kinds[0];
  if (found === undefined) throw new Error('expected traffic, found none');
  return found;
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
