import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { throughProxy } from './agent.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { descriptorsOf, gaugeOf, residentBytesOf, scrape } from './measures.ts';

const MIB = 1024 * 1024;
const WATCH_EVERY_MS = 100;

/** What an attack did to a gateway and to those who used it meanwhile. */
export interface Strain {
  /** How much larger the process was at its largest than before, in bytes. */
  readonly grownBytes: number;
  /** The most descriptors and the most bytes of bodies that were seen. */
  readonly descriptors: number;
  readonly bufferedBytes: number;
  /** What others were answered who called meanwhile, each once: the status, and where it is not 200 what was said. */
  readonly others: readonly string[];
  readonly otherCalls: number;
  /** By how much a series of the metrics grew. */
  counted(series: string): number;
}

/**
 * Lets an attack run while somebody else uses the same gateway, and waits until the gateway has its descriptors back.
 * `url` is what the other one calls.
 */
export async function strainOf(gateway: GatewayProcess, url: string, attack: () => Promise<unknown>): Promise<Strain> {
  const pid = gateway.process.pid ?? 0;
  await throughProxy(gateway.port, url);
  const before = await scrape(gateway);
  const residentBytes = await residentBytesOf(pid);
  const descriptorsBefore = await descriptorsOf(pid);
  const seen = { residentBytes, descriptors: 0, bufferedBytes: 0, others: new Set<string>(), otherCalls: 0 };
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const { status, text } = await throughProxy(gateway.port, url);
      seen.others.add(status === 200 ? '200' : `${status} ${text}`);
      seen.otherCalls += 1;
      seen.residentBytes = Math.max(seen.residentBytes, await residentBytesOf(pid));
      seen.descriptors = Math.max(seen.descriptors, await descriptorsOf(pid));
      seen.bufferedBytes = Math.max(seen.bufferedBytes, gaugeOf(await scrape(gateway), 'aegis_buffered_bytes'));
      await sleep(WATCH_EVERY_MS);
    }
  })();
  try {
    await attack();
  } finally {
    over.abort();
    await watching;
  }
  // What others keep alive to the upstream, and the scrape that asks.
  await expect
    .poll(async () => await descriptorsOf(pid), { timeout: 15_000 })
    .toBeLessThanOrEqual(descriptorsBefore + 3);
  const after = await scrape(gateway);
  return {
    grownBytes: seen.residentBytes - residentBytes,
    descriptors: seen.descriptors,
    bufferedBytes: seen.bufferedBytes,
    others: [...seen.others],
    otherCalls: seen.otherCalls,
    counted: (series) => (gaugeOf(after, series) || 0) - (gaugeOf(before, series) || 0),
  };
}

/** The bound of a process that is attacked, and of what others notice of it. */
export function expectServed(strain: Strain, mostGrownMib: number): void {
  expect(strain.others).toEqual(['200']);
  expect(strain.otherCalls).toBeGreaterThan(0);
  expect(strain.grownBytes / MIB).toBeLessThan(mostGrownMib);
}

/** The series that counts refusals of a fault. */
export const refusalsOf = (code: string): string => `aegis_refusals_total{code="${code}"}`;

/** `count` times the same at the same time. */
export async function all<T>(count: number, one: (index: number) => Promise<T>): Promise<readonly T[]> {
  return await Promise.all(Array.from({ length: count }, async (_, index) => await one(index)));
}
