/** What an API server and its etcd say of themselves, and what the kernel says of them. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Cluster } from '../scripts/cluster-bed.ts';
import { TICKS_PER_SECOND } from './program.ts';

/** A process as the kernel sees it. */
interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** The state at one moment; counters count from the start of the API server. */
export interface Snapshot {
  /** Milliseconds of a clock that only grows. */
  readonly at: number;
  /** Requests that gateways and approvers make, by verb and resource, and by status where they failed. */
  readonly requests: { readonly [kind: string]: number };
  /** Watches of ApprovalRequests that are open. */
  readonly watches: number;
  /** Events sent to such watches. */
  readonly watchEvents: number;
  /** Requests that Priority & Fairness turned away (429), or that waited in its queues, and for how many seconds together. */
  readonly rejected: number;
  readonly queuedSeconds: number;
  readonly sockets: number;
  readonly apiServer: ProcessFigures & {
    /** What is reachable after a collection that was forced. */
    readonly liveBytes: number;
  };
  readonly etcd: ProcessFigures & { readonly databaseBytes: number };
  readonly objects: { readonly approvalRequests: number; readonly events: number };
}

interface Sample {
  readonly name: string;
  readonly labels: { readonly [label: string]: string };
  readonly value: number;
}

/** What gateways and approvers ask for; everything else is the server's own. */
const RESOURCES = ['approvalrequests', 'events', 'selfsubjectreviews'];
const WANTED =
  /^(?:apiserver_(?:request_total|longrunning_requests|watch_events_total|resource_objects|flowcontrol_rejected_requests_total|flowcontrol_request_wait_duration_seconds_sum)|go_memstats_heap_alloc_bytes)\b/u;
/** Milliseconds of the clock that all processes of a machine share. */
export const sharedMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Looks at both processes, and then, after a collection, at the memory of the API server. */
export async function snapshotOf(cluster: Cluster): Promise<Snapshot> {
  const at = sharedMs();
  const pid = cluster.pid('kube-apiserver');
  const figures = processFigures(pid);
  await asAdmin(cluster, '/debug/pprof/heap?gc=1');
  const samples = samplesIn(await asAdmin(cluster, '/metrics'));
  const sum = (name: string, labels: { readonly [label: string]: string } = {}): number =>
    samples.filter((one) => one.name === name && matches(one, labels)).reduce((total, { value }) => total + value, 0);
  const own = { group: 'aegis.dev', resource: 'approvalrequests' };
  return {
    at,
    requests: requestsIn(samples),
    watches: sum('apiserver_longrunning_requests', { ...own, verb: 'WATCH' }),
    watchEvents: sum('apiserver_watch_events_total', own),
    rejected: sum('apiserver_flowcontrol_rejected_requests_total'),
    queuedSeconds: sum('apiserver_flowcontrol_request_wait_duration_seconds_sum'),
    sockets: socketsOf(pid),
    apiServer: { ...figures, liveBytes: sum('go_memstats_heap_alloc_bytes') },
    etcd: { ...processFigures(cluster.pid('etcd')), databaseBytes: await databaseBytes(cluster) },
    objects: {
      approvalRequests: sum('apiserver_resource_objects', own),
      events: sum('apiserver_resource_objects', { group: '', resource: 'events' }),
    },
  };
}

/** How many watches of ApprovalRequests are open; cheaper than a snapshot. */
export async function openWatches(cluster: Cluster): Promise<number> {
  return samplesIn(await asAdmin(cluster, '/metrics'))
    .filter((one) => one.name === 'apiserver_longrunning_requests')
    .filter((one) => matches(one, { group: 'aegis.dev', resource: 'approvalrequests', verb: 'WATCH' }))
    .reduce((total, { value }) => total + value, 0);
}

/** CPU time of both processes since their starts, in seconds; looking costs nothing. */
export function cpuOf(cluster: Cluster): { readonly apiServer: number; readonly etcd: number } {
  return { apiServer: cpuSecondsOf(cluster.pid('kube-apiserver')), etcd: cpuSecondsOf(cluster.pid('etcd')) };
}

/** CPU time of a process since its start, in seconds. */
export function cpuSecondsOf(pid: number): number {
  return processFigures(pid).cpuSeconds;
}

async function asAdmin(cluster: Cluster, path: string): Promise<string> {
  const { body, status } = await cluster.call('admin', { method: 'GET', path });
  if (status !== 200) throw new Error(`expected ${path} to answer, found ${status}`);
  return body;
}

function requestsIn(samples: readonly Sample[]): { readonly [kind: string]: number } {
  const counts = new Map<string, number>();
  for (const { labels, name, value } of samples) {
    const { code = '', dry_run: dryRun, resource = '', subresource, verb } = labels;
    if (name !== 'apiserver_request_total' || !RESOURCES.includes(resource)) continue;
    const whole = subresource === '' || subresource === undefined ? resource : `${resource}/${subresource}`;
    const kind = `${verb} ${whole}${dryRun === 'All' ? ' (dry run)' : ''}${Number(code) < 400 ? '' : ` ${code}`}`;
    counts.set(kind, (counts.get(kind) ?? 0) + value);
  }
  return Object.fromEntries(counts);
}

function samplesIn(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter((line) => WANTED.test(line))
    .map((line) => {
      const [, name = '', inner = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)/u.exec(line) ?? [];
      const pairs = [...inner.matchAll(/(\w+)="([^"]*)"/gu)].map(([, key = '', label = '']) => [key, label] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

function matches({ labels }: Sample, wanted: { readonly [label: string]: string }): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function processFigures(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentBytes: Number(/VmRSS:\s+(\d+) kB/u.exec(status)?.[1]) * 1024,
  };
}

/** Open files of a server are connections, but for some dozens. */
function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

async function databaseBytes(cluster: Cluster): Promise<number> {
  const text = await (await fetch(`${cluster.etcdUrl}/metrics`)).text();
  return Number(/^etcd_mvcc_db_total_size_in_use_in_bytes (\S+)/mu.exec(text)?.[1]);
}
