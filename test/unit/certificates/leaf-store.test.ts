import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, type Authority } from '../../../src/certificates/authority.ts';
import { LEAF_BURST, LEAVES_PER_SECOND, LeafStore, MAX_CACHED_LEAVES } from '../../../src/certificates/leaf-store.ts';
import type { Host } from '../../../src/model/brand.ts';
import { parseHost } from '../../../src/request/host.ts';

const HOUR_MS = 3_600_000;
const random = (count: number): Uint8Array<ArrayBuffer> => Uint8Array.from(randomBytes(count));
const at = { now: Date.parse('2026-11-24T12:00:00Z'), monotonic: 0 };
let authority: Authority;
beforeAll(async () => {
  authority = makeAuthority({ now: () => at.now, monotonic: () => 0 }, random);
});

function store(): { readonly leaves: LeafStore; readonly counted: string[] } {
  const counted: string[] = [];
  const leaves = new LeafStore({
    authority,
    clock: { now: () => at.now, monotonic: () => at.monotonic },
    random,
    counted: (result) => void counted.push(result),
  });
  return { leaves, counted };
}

function host(text: string): Host {
  const parsed = parseHost(text);
  if (!parsed.ok) throw new Error(parsed.fault.detail);
  return parsed.value;
}

describe('the certificates that are kept', () => {
  it('are made once for a host, also when many ask at the same time', async () => {
    const { leaves, counted } = store();
    const all = await Promise.all(Array.from({ length: 20 }, async () => await leaves.contextFor(host('a.example'))));
    expect(new Set(all.map((one) => (one.ok ? one.value : null))).size).toBe(1);
    expect(counted).toEqual(['made', ...Array.from({ length: 19 }, () => 'reused')]);
  });

  it('are made anew before they end', async () => {
    const { leaves, counted } = store();
    await leaves.contextFor(host('a.example'));
    at.now += 6 * 24 * HOUR_MS;
    await leaves.contextFor(host('a.example'));
    at.now += 8 * HOUR_MS;
    await leaves.contextFor(host('a.example'));
    expect(counted).toEqual(['made', 'reused', 'made']);
  });

  it('are made at a bounded rate, and known hosts are not held back', async () => {
    const { leaves } = store();
    const codes = async (from: number, count: number): Promise<number> => {
      let refused = 0;
      for (let index = from; index < from + count; index += 1) {
        const context = await leaves.contextFor(host(`h${index}.example`));
        if (!context.ok) {
          expect(context.fault.code).toBe('too-many-certificates');
          refused += 1;
        }
      }
      return refused;
    };
    expect(await codes(0, LEAF_BURST)).toBe(0);
    expect(await codes(10_000, 3)).toBe(3);
    expect(await codes(0, 3)).toBe(0);
    at.monotonic += 1_000;
    expect(await codes(20_000, LEAVES_PER_SECOND + 2)).toBe(2);
  });

  it('are bounded in number: the one that was not used for longest goes first', async () => {
    const { leaves, counted } = store();
    const use = async (name: string): Promise<void> => {
      at.monotonic += 1_000;
      expect((await leaves.contextFor(host(name))).ok).toBe(true);
    };
    for (let index = 0; index < MAX_CACHED_LEAVES; index += 1) await use(`h${index}.example`);
    await use('h0.example');
    await use('one-more.example');
    expect(leaves.size).toBe(MAX_CACHED_LEAVES);
    counted.splice(0);
    await use('h0.example');
    await use('h1.example');
    expect(counted).toEqual(['reused', 'made']);
  });
});
