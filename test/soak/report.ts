import { callsOf, medianOf, mib, residentQuarters } from './judge.ts';
import type { SoakReport } from './soak.ts';

/** What a soak saw, for people. */
export function reportText(report: SoakReport): string {
  const { length, load, samples, before, after, trail } = report;
  const resident = residentQuarters(samples);
  const p99 = samples.map(({ loopDelayP99 }) => loopDelayP99);
  const most = (of: (sample: (typeof samples)[number]) => number): number => Math.max(...samples.map(of));
  const total = callsOf(load);
  const rows = Object.entries(load.counts).map(
    ([kind, endings]) =>
      `  ${kind.padEnd(20)} ${Object.entries(endings)
        .map(([ending, count]) => `${ending}: ${count}`)
        .join(', ')}`,
  );
  return [
    `soak: ${length.seconds} s after ${length.warmUpSeconds} s of warm-up, ${length.connections} connections, seed ${length.seed}`,
    `calls: ${total} (${(total / length.seconds).toFixed(0)} a second), of which ${load.wrongCount} ended otherwise than they may`,
    ...rows,
    `heap after collection: ${mib(before.heapBytes)} before, ${mib(after.heapBytes)} after`,
    `resident at rest: ${mib(before.residentBytes)} before, ${mib(after.residentBytes)} after`,
    `resident under load: ${mib(resident.second)} in the second quarter, ${mib(resident.last)} in the last (medians)`,
    `descriptors: ${before.descriptors} before, ${after.descriptors} after, at most ${most(({ descriptors }) => descriptors)}`,
    `at most: ${most(({ connections }) => connections)} connections, ${mib(most(({ bufferedBytes }) => bufferedBytes))} of bodies, ${most(({ pending }) => pending)} approvals pending`,
    `event-loop delay p99: ${milliseconds(medianOf(p99))} (median over ${samples.length} samples), worst sample ${milliseconds(Math.max(...p99))}, longest delay ${milliseconds(most(({ loopDelayMax }) => loopDelayMax))}`,
    `reloads: ${report.reloads} changes of files; ${report.loads.loaded} parts loaded, ${report.loads.rejected} rejected`,
    `trail: ${trail.records} records, ${report.seen} requests seen by upstreams, ${report.unrecorded.length} of them without intent; verify: ${report.verify.text.trim().split('\n').at(-1) ?? ''}`,
  ].join('\n');
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1_000).toFixed(1)} ms`;
}
