import type { LoadReport } from './messages.ts';
import type { SoakReport } from './soak.ts';
import type { Sample } from './watch.ts';

const MIB = 1024 * 1024;
/** Flat, as README and issue say it: within 10 %. */
const FLAT = 1.1;
/**
 * The history of sessions keeps 22,000 steps, and grows until it has them. A warm-up of so many calls fills it; after a
 * shorter one the heap may grow by what the history takes and by code that is compiled when it is hot.
 */
const FILLING_CALLS = 30_000;
const HEAP_FILLING_BYTES = 6 * MIB;
/** A soak of so many seconds is held to the 10 % alone; before that, V8 has not found the size of its young generation. */
const LONG_SECONDS = 300;
const RESIDENT_WARMING_BYTES = 64 * MIB;
/** What the gateway opens for itself at any time: a segment, a database, the scrape that asks. */
const DESCRIPTOR_NOISE = 3;
/**
 * The event loop of a gateway that shares two cores with its own load and other tests. What stands still for longer does
 * something that should not be done in one piece.
 */
const MOST_DELAY_P99_SECONDS = 1;

/** Everything in which a soak differs from what was promised; nothing when it held. */
export function shortcomings(report: SoakReport): readonly string[] {
  const { before, after, load, warmUp, trail, samples } = report;
  const warming = report.length.seconds < LONG_SECONDS;
  const heap = before.heapBytes * FLAT + (callsOf(warmUp) < FILLING_CALLS ? HEAP_FILLING_BYTES : 0);
  const resident = residentQuarters(samples);
  const most = resident.second * FLAT + (warming ? RESIDENT_WARMING_BYTES : 0);
  const delay = medianOf(samples.map(({ loopDelayP99 }) => loopDelayP99));
  const checks: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [
      warmUp.wrongCount + load.wrongCount === 0,
      `calls ended otherwise than they may: ${[...warmUp.wrong, ...load.wrong].join('\n    ')}`,
    ],
    [after.heapBytes <= heap, `the collected heap grew from ${mib(before.heapBytes)} to ${mib(after.heapBytes)}`],
    [resident.last <= most, `the resident memory grew from ${mib(resident.second)} to ${mib(resident.last)}`],
    [
      after.descriptors <= before.descriptors + DESCRIPTOR_NOISE,
      `descriptors grew from ${before.descriptors} to ${after.descriptors}`,
    ],
    [after.connections === 0, `${after.connections} connections are still open`],
    [after.bufferedBytes === 0, `${after.bufferedBytes} bytes of bodies are still held`],
    [delay <= MOST_DELAY_P99_SECONDS, `the event loop was late by ${delay} s at the 99th percentile`],
    [
      report.loads.rejected > 0 && report.loads.loaded > report.reloads / 2,
      `of ${report.reloads} changes, ${report.loads.loaded} parts were loaded and ${report.loads.rejected} rejected`,
    ],
    [report.unrecorded.length === 0, `requests that an upstream saw without an intent: ${report.unrecorded.join(' ')}`],
    [
      report.tunnelsSeen <= trail.tunnels,
      `${report.tunnelsSeen} tunnels reached the upstream, ${trail.tunnels} have an intent`,
    ],
    [trail.open.length === 0, `exchanges without exactly one outcome: ${trail.open.join(' ')}`],
    [report.verify.code === 0, `audit verify says: ${report.verify.text}`],
    [report.exitCode === 0, `the gateway ended with ${String(report.exitCode)}`],
  ];
  return checks.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);
}

/** Medians of resident memory under load: of the second quarter of the time, and of the last. */
export function residentQuarters(samples: readonly Sample[]): { readonly second: number; readonly last: number } {
  const quarter = Math.ceil(samples.length / 4);
  const of = (from: number, to: number): number =>
    medianOf(samples.slice(from, to).map(({ residentBytes }) => residentBytes));
  return { second: of(quarter, 2 * quarter), last: of(samples.length - quarter, samples.length) };
}

/** How many calls a run made. */
export function callsOf({ counts }: LoadReport): number {
  const endings = Object.values(counts).flatMap((kind) => Object.values(kind));
  return endings.reduce((sum, count) => sum + count, 0);
}

export function medianOf(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
