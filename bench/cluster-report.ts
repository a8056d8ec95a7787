/** Writes down what a thousand sidecars cost an API server: JSON for programs, a page for people. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Latencies } from './cluster-latency.ts';
import type { Snapshot } from './cluster-server.ts';
import { table, type machine } from './report.ts';

/** What was between two looks at the server, and the second look. */
export interface Window {
  readonly name: 'start' | 'idle' | 'asking, some' | 'some pending' | 'asking, all' | 'all pending' | 'deciding';
  /** At its end. */
  readonly pending: number;
  readonly seconds: number;
  readonly requests: { readonly [kind: string]: number };
  readonly watchEvents: number;
  readonly rejected: number;
  readonly queuedSeconds: number;
  readonly apiServerCores: number;
  readonly etcdCores: number;
  readonly sidecarCores: number;
  readonly after: Snapshot;
}

/** What an API server that was started again was asked for, counted from its start. */
export interface Restart {
  readonly looks: readonly {
    readonly seconds: number;
    readonly requests: { readonly [kind: string]: number };
    readonly watches: number;
    readonly rejected: number;
    readonly cpuSeconds: number;
  }[];
  readonly allBackAfterSeconds: number;
}

/** So many sidecars, from idle to decided. */
export interface Level {
  readonly sidecars: number;
  readonly windows: readonly Window[];
  /** From the answer to the approver until the sidecar may forward; milliseconds. */
  readonly latencies: readonly number[];
  readonly restart: Restart | null;
}

export interface ClusterReport {
  readonly date: string;
  readonly machine: ReturnType<typeof machine>;
  readonly quick: boolean;
  readonly effort: { readonly asksPerS: number; readonly decisionsPerS: number; readonly [name: string]: unknown };
  readonly nobody: Window;
  /** Requests of one sidecar that asks for nothing. */
  readonly idleHour: { readonly [kind: string]: number };
  readonly levels: readonly Level[];
  readonly gateway: { readonly alone: Latencies; readonly beside: Latencies };
  readonly warnings: { readonly [event: string]: number };
}

const PODS = 10_000;
/** How busy agents and people are is assumed; everything else is measured. */
const ASSUMED = { approvalsPerPodAndHour: 1, minutesUntilDecided: 5 };

/** Who it is, whether it can ask in another's name, whether it can decide itself: once each `approvals.policy_check`. */
const TRIES_WHILE_PENDING = 3;

const mebi = (bytes: number): string => (bytes / 1024 ** 2).toFixed(0);
const sum = (counts: { readonly [kind: string]: number }): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

export async function writeClusterReport(folder: string, report: ClusterReport): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'benchmarks-cluster.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, 'benchmarks-cluster.md'), page(report));
}

function page(report: ClusterReport): string {
  const { date, effort, machine: found, quick } = report;
  return `${[
    '# Approvals in a cluster: benchmarks',
    'Written by `npm run bench:cluster`; the same figures, and more, are in [benchmarks-cluster.json](benchmarks-cluster.json).',
    `Measured on ${date}: ${found.cpu}, ${found.cores} cores, ${found.memoryGiB} GiB, ${found.kernel}; kube-apiserver 1.36 with the manifests of this repository and its defaults, Priority & Fairness among them, and etcd 3.7 that waits for the disk.${quick ? ' **A quick run: good for nothing but to see that everything runs.**' : ''}`,
    `A simulated sidecar is the client, store and gate of the product with a ServiceAccount, a token that is bound to a pod, and connections of its own; 50 share a namespace. Everything shares the two cores, so the rates are what those can do beside the sidecars, not what an API server can: ${effort.asksPerS} approvals a second are asked for and ${effort.decisionsPerS} decided, by one approver with one connection. Figures of the API server are its own (\`/metrics\`) and the kernel's; live memory is what a forced collection leaves.`,
    idleSection(report),
    levelsSection(report),
    approvalSection(report),
    latencySection(report),
    ...report.levels.flatMap(({ restart, sidecars }) => (restart === null ? [] : [restartSection(restart, sidecars)])),
    podsSection(report),
  ].join('\n\n')}\n`;
}

function idleSection({ idleHour }: ClusterReport): string {
  const rows = Object.entries(idleHour).map(([kind, count]) => [kind, String(count)]);
  return [
    '## A sidecar that asks for nothing',
    'One hour of one sidecar, its clock made to run fast. It looks whether the admission policies are in force, and for what replicas of it have asked; no watch is open.',
    table(['request', 'an hour'], [...rows, ['together', String(sum(idleHour))]]),
  ].join('\n\n');
}

function levelsSection({ levels, nobody }: ClusterReport): string {
  const shown = ['idle', 'some pending', 'all pending'];
  const row = (sidecars: number, one: Window): readonly string[] => [
    String(sidecars),
    one.name,
    String(one.after.watches),
    (sum(one.requests) / one.seconds).toFixed(1),
    mebi(one.after.apiServer.liveBytes),
    mebi(one.after.apiServer.residentBytes),
    one.apiServerCores.toFixed(2),
    mebi(one.after.etcd.residentBytes),
    String(one.after.objects.approvalRequests),
  ];
  const rows = levels.flatMap(({ sidecars, windows }) =>
    windows.filter(({ name }) => shown.includes(name)).map((one) => row(sidecars, one)),
  );
  return [
    '## How it grows',
    'Idle: nothing is pending. Some: a tenth of the sidecars has a request pending. Objects are the ApprovalRequests that the API server holds, ended ones of the levels before among them. Requests are those of the sidecars within seconds in which nothing was asked and nothing decided.',
    table(
      [
        'sidecars',
        '',
        'watches',
        'requests/s',
        'API server live MiB',
        'resident MiB',
        'cores',
        'etcd resident MiB',
        'objects',
      ],
      [row(0, nobody), ...rows],
    ),
  ].join('\n\n');
}

function workOf({ levels }: ClusterReport): readonly Window[] {
  return levels.flatMap(({ windows }) => windows.filter(({ name }) => /^(?:asking|deciding)/u.test(name)));
}

function perApproval(report: ClusterReport): { readonly [kind: string]: number } {
  const approvals = report.levels.reduce((total, { latencies }) => total + latencies.length, 0);
  const counts = new Map<string, number>();
  for (const { requests } of workOf(report))
    for (const [kind, count] of Object.entries(requests)) counts.set(kind, (counts.get(kind) ?? 0) + count / approvals);
  return Object.fromEntries([...counts].filter(([, count]) => count >= 0.005));
}

function approvalSection(report: ClusterReport): string {
  const rows = Object.entries(perApproval(report)).map(([kind, count]) => [kind, count.toFixed(2)]);
  const work = workOf(report);
  const rejected = work.reduce((total, one) => total + one.rejected, 0);
  return [
    '## What one approval costs',
    `Requests from the question to the use, the patch of the approver among them; 403 is the answer that the gateway wants when it tries whether it could decide itself. Priority & Fairness turned ${rejected} requests away. An idle watch costs none; it ends once, when nothing is pending.`,
    table(['request', 'for each approval'], [...rows, ['together', sum(perApproval(report)).toFixed(1)]]),
  ].join('\n\n');
}

/** The value below which a share of them lies. */
function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function latencySection({ gateway, levels }: ClusterReport): string {
  const row = (what: string, values: readonly number[]): readonly string[] => [
    what,
    String(values.length),
    ...[0.5, 0.9, 0.99, 1].map((share) => percentile(values, share).toFixed(1)),
  ];
  const last = levels.at(-1)?.sidecars ?? 0;
  return [
    '## From approval to forwarding',
    'Milliseconds from the moment in which the approver has the answer to his patch: of a whole gateway as it is built, until the upstream has the request that was held, one approval at a time; of simulated sidecars that are decided at a steady rate, until the grant is used up. In between are the watch, the record in the journal, and three requests to the API server.',
    table(
      ['', 'approvals', 'p50', 'p90', 'p99', 'most'],
      [
        row('a gateway, alone', gateway.alone.approvedToForwarded),
        row(`a gateway beside ${last} sidecars`, gateway.beside.approvedToForwarded),
        ...levels.map(({ latencies, sidecars }) => row(`${sidecars} sidecars, all pending`, latencies)),
      ],
    ),
    "From the agent's request until it is in a list of what is pending:",
    table(
      ['', 'approvals', 'p50', 'p90', 'p99', 'most'],
      [
        row('a gateway, alone', gateway.alone.askedToPending),
        row(`a gateway beside ${last} sidecars`, gateway.beside.askedToPending),
      ],
    ),
  ].join('\n\n');
}

function restartSection({ allBackAfterSeconds, looks }: Restart, sidecars: number): string {
  const rows = looks.map((one) => [
    one.seconds.toFixed(0),
    String(one.watches),
    String(sum(one.requests)),
    (sum(one.requests) / sidecars).toFixed(1),
    String(one.rejected),
    one.cpuSeconds.toFixed(1),
  ]);
  return [
    '## After an API server was killed',
    `${sidecars} sidecars with a request pending; the API server is killed, is away for ten seconds, and is ready again at second 0. Requests are counted from its start. All watches were back after ${allBackAfterSeconds.toFixed(0)} s, and every decision that was made then arrived.`,
    table(['second', 'watches', 'requests', 'for each sidecar', 'turned away', 'CPU seconds since its start'], rows),
  ].join('\n\n');
}

/** The growth for each sidecar: the slope of the straight line through all levels that lies closest. */
function growth(report: ClusterReport, name: Window['name'], figure: (window: Window) => number): number {
  const points = report.levels.flatMap(({ sidecars, windows }) =>
    windows.filter((one) => one.name === name).map((one) => [sidecars, figure(one)] as const),
  );
  const all = [[0, figure(report.nobody)] as const, ...points];
  const mean = (index: 0 | 1): number => all.reduce((total, point) => total + point[index], 0) / all.length;
  const [x, y] = [mean(0), mean(1)];
  return (
    all.reduce((total, point) => total + (point[0] - x) * (point[1] - y), 0) /
    all.reduce((total, point) => total + (point[0] - x) ** 2, 0)
  );
}

function podsSection(report: ClusterReport): string {
  const { approvalsPerPodAndHour: rate, minutesUntilDecided: minutes } = ASSUMED;
  const live = ({ after }: Window): number => after.apiServer.liveBytes;
  const resident = ({ after }: Window): number => after.apiServer.residentBytes;
  const kibi = (bytes: number): string => (bytes / 1024).toFixed(0);
  const asked = (PODS * rate) / 3_600;
  const idle = (sum(report.idleHour) * PODS) / 3_600;
  const forEach = sum(perApproval(report));
  const deciding = report.levels.at(-1)?.windows.find(({ name }) => name === 'deciding');
  const cpuMs =
    deciding === undefined ? Number.NaN : (deciding.apiServerCores * deciding.seconds * 1e3) / sum(deciding.requests);
  const growing = growth(report, 'all pending', live);
  const rows = [
    [
      'memory of the API server for each idle sidecar',
      `${kibi(growth(report, 'idle', live))} KiB live, ${kibi(growth(report, 'idle', resident))} KiB resident`,
    ],
    [
      'for each pending one',
      `${kibi(growing)} KiB live, ${kibi(growth(report, 'all pending', resident))} KiB resident`,
    ],
    ['requests of a second, nobody asks', idle.toFixed(0)],
    [`approvals of a second, ${rate} a pod and hour`, asked.toFixed(1)],
    ['requests of a second for those', (asked * forEach).toFixed(0)],
    [`watches, decided after ${minutes} minutes`, (asked * 60 * minutes).toFixed(0)],
    ['watches when all have something pending', String(PODS)],
    [
      'requests of a second then, each of them trying the policies once a minute',
      ((PODS * TRIES_WHILE_PENDING) / 60).toFixed(0),
    ],
    ['live memory of the API server then', `${((growing * PODS) / 1024 ** 3).toFixed(1)} GiB more`],
    ['ApprovalRequests after a day without pruning', (asked * 86_400).toFixed(0)],
    ['CPU of the API server for one request, as measured while deciding', `${cpuMs.toFixed(1)} ms`],
  ];
  return [
    `## What it means for ${PODS.toLocaleString('en-GB')} pods`,
    `**Extrapolated along straight lines, not measured.** Assumed: each pod asks for ${rate} approval an hour, and people decide after ${minutes} minutes. Memory for each sidecar holds its share of the ended ApprovalRequests and Events of this run.`,
    table(['', 'found'], rows),
    [
      `What to configure for that many:`,
      `- **Prune** (\`approvals prune\`): lists are answered from the API server's memory, but each looks at every ApprovalRequest of its namespace. Keep what a namespace holds in the thousands. Events end by themselves after an hour (\`--event-ttl\`).`,
      `- **Namespaces**: the smaller they are, the fewer objects each list looks at.`,
      `- **\`approvals.policy_check\`**: a sidecar with something pending tries three times in each, one that is idle five to ten times less often. At 5m, both send a fifth of these tries, and a policy that is missing is noticed that much later.`,
      `- **Priority & Fairness**: the defaults queue each ServiceAccount by itself (flow schema \`service-accounts\`, level \`workload-low\`), so no sidecar starves another; 429 is honoured. A level of its own for the group aegis.dev keeps them away from what else uses \`workload-low\`.`,
      `- **Watches** cost memory, not requests. More replicas of the API server share them.`,
    ].join('\n'),
  ].join('\n\n');
}
