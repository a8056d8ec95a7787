import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ENFORCEMENT_LEVELS, type EnforcementLevel } from '../model/decision.ts';
import type { Clock, Meter } from '../model/ports.ts';
import type { ConnectionCut } from '../model/connection-cut.ts';
import type { NoticeResult } from '../model/notice-result.ts';
import type { TlsFailure } from '../model/tls-failure.ts';
import { METRICS, type MetricDefinition, type MetricName } from './metric-table.ts';

/** The parts of the running gateway that are looked at when somebody scrapes. */
export interface Observed {
  readonly listener: { bufferedBytes(): number; openConnections(): number };
  readonly journal: { problem(): string | null };
  readonly feed: { problem(): string | null };
  /** All sinks of the journal, the audit database among them. */
  readonly sinks: readonly { readonly name: string; problem(): string | null; behind(): number }[];
  readonly anchors: { problem(): string | null };
  /** When the store cannot be asked, the gauge is not a number. */
  readonly store: { pendingCount(): number };
  /** How a store of approvals in a cluster is; null for the local one. */
  readonly cluster: (() => ClusterStoreState) | null;
  /** The targets that are told of approvals. */
  readonly notified: () => readonly { readonly name: string; readonly waiting: number }[];
  readonly world: () => {
    readonly policy: { readonly digest: string };
    readonly actions: { readonly digest: string };
    readonly enforcement: EnforcementLevel;
  };
}

/** A store of approvals in a cluster, as metrics show it. */
export interface ClusterStoreState {
  readonly problem: string | null;
  readonly policies: { readonly kind: string };
  readonly watchAgeMs: number | null;
  readonly skewMs: number;
}

/** What can be loaded again while the gateway runs. */
const PARTS = ['config', 'policy', 'actions'] as const;
type Part = (typeof PARTS)[number];

/** The metrics of one gateway. */
export interface Telemetry {
  readonly meter: Meter;
  /** Says what to look at; until then, what is looked up is left out. */
  observe(observed: Observed): void;
  /** Counts a load. Every part counts as loaded when the telemetry is made: a gateway starts with all of them. */
  reloaded(part: Part, result: 'loaded' | 'rejected'): void;
  /** Counts a certificate that was asked for. */
  certificate(made: 'made' | 'reused' | 'refused'): void;
  /** Counts a handshake with a client that came to nothing. */
  tlsFailure(failure: TlsFailure): void;
  /** Counts a connection that was ended without a word. */
  connectionCut(why: ConnectionCut): void;
  /** Counts notices of approvals by what became of them. */
  notices(target: string, result: NoticeResult, count: number): void;
  /** Counts a try to tell a target that came to nothing. */
  noticeFailed(target: string): void;
  /** What Prometheus is given. A source that fails does not fail the rest. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** What the metrics of a gateway are made with. */
export interface TelemetrySettings {
  readonly clock: Clock;
  /** The versions of the gateway and of Node. */
  readonly version: string;
  readonly nodeVersion: string;
}

/**
 * Distinct rule names that become label values; later ones are counted as `<other>`. Rules are the operator's, and a
 * policy of thousands would otherwise make thousands of time series for each combination.
 */
export const MAX_RULE_LABELS = 100;
const OTHER_RULE = '<other>';

/** Makes the metrics of one gateway, in a registry of their own. */
export function createTelemetry({ clock, version, nodeVersion }: TelemetrySettings): Telemetry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  gauge(registry, 'aegis_build_info').set({ version, node: nodeVersion }, 1);
  const loads = counter(registry, 'aegis_loads_total');
  const lastLoad = gauge(registry, 'aegis_last_load_timestamp_seconds');
  const reloaded = (part: Part, result: 'loaded' | 'rejected'): void => {
    loads.inc({ part, result });
    if (result === 'loaded') lastLoad.set({ part }, clock.now() / 1_000);
  };
  for (const part of PARTS) {
    loads.inc({ part, result: 'rejected' }, 0);
    reloaded(part, 'loaded');
  }
  const certificates = counter(registry, 'aegis_leaf_certificates_total');
  const tlsFailures = counter(registry, 'aegis_client_tls_failures_total');
  const cuts = counter(registry, 'aegis_connections_cut_total');
  const notices = counter(registry, 'aegis_notices_total');
  const noticeFailures = counter(registry, 'aegis_notice_failures_total');
  return {
    certificate: (made) => certificates.inc({ made }),
    tlsFailure: (failure) => tlsFailures.inc({ failure }),
    connectionCut: (reason) => cuts.inc({ reason }),
    notices: (target, result, count) => notices.inc({ target, result }, count),
    noticeFailed: (target) => noticeFailures.inc({ target }),
    meter: createMeter(registry),
    observe: (observed) => registerLookups(registry, observed),
    reloaded,
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function createMeter(registry: Registry): Meter {
  const received = counter(registry, 'aegis_requests_received_total');
  const decisions = counter(registry, 'aegis_decisions_total');
  const refusals = counter(registry, 'aegis_refusals_total');
  const forwarded = counter(registry, 'aegis_forwarded_total');
  const forwardedSeconds = histogram(registry, 'aegis_forwarded_seconds');
  const verdictSeconds = histogram(registry, 'aegis_verdict_seconds');
  const heldSeconds = histogram(registry, 'aegis_held_seconds');
  const ruleLabel = boundedLabel(MAX_RULE_LABELS);
  return {
    received: (entry) => received.inc({ entry }),
    decided: (approval, riskLevel, rule) => decisions.inc({ approval, risk_level: riskLevel, rule: ruleLabel(rule) }),
    refused: (code) => refusals.inc({ code }),
    forwarded: (entry, result, status, seconds) => {
      forwarded.inc({ entry, result, status: statusClass(status) });
      forwardedSeconds.observe({ entry, result }, seconds);
    },
    held: (outcome, seconds) => heldSeconds.observe({ outcome }, seconds),
    judged: (seconds) => verdictSeconds.observe(seconds),
  };
}

function registerLookups(registry: Registry, observed: Observed): void {
  const { listener, journal, feed, store, world } = observed;
  const look: Look = (name, found) => {
    gauge(registry, name, async (self) => self.set(await numberOf(found)));
  };
  look('aegis_approvals_pending', () => store.pendingCount());
  if (observed.cluster !== null) lookAtCluster(look, observed.cluster);
  look('aegis_journal_healthy', () => (journal.problem() === null ? 1 : 0));
  look('aegis_audit_database_healthy', () => (feed.problem() === null ? 1 : 0));
  look('aegis_audit_anchors_healthy', () => (observed.anchors.problem() === null ? 1 : 0));
  gauge(registry, 'aegis_audit_sink_healthy', (self) => {
    for (const { name, problem } of sinkStates(observed)) self.set({ sink: name }, problem === null ? 1 : 0);
  });
  gauge(registry, 'aegis_audit_sink_behind_records', (self) => {
    for (const { name, behind } of sinkStates(observed)) self.set({ sink: name }, behind);
  });
  gauge(registry, 'aegis_notices_waiting', (self) => {
    self.reset();
    for (const { name, waiting } of observed.notified()) self.set({ target: name }, waiting);
  });
  look('aegis_buffered_bytes', () => listener.bufferedBytes());
  look('aegis_open_connections', () => listener.openConnections());
  gauge(registry, 'aegis_policy_info', (self) => {
    const { policy, actions } = world();
    self.reset();
    self.set({ policy_digest: policy.digest, actions_digest: actions.digest }, 1);
  });
  gauge(registry, 'aegis_enforcement_level', (self) => {
    const { enforcement } = world();
    for (const level of ENFORCEMENT_LEVELS) self.set({ level }, level === enforcement ? 1 : 0);
  });
}

/** Shows a number that is looked up when somebody scrapes. */
type Look = (name: MetricName, found: () => number | Promise<number>) => void;

function lookAtCluster(look: Look, state: () => ClusterStoreState): void {
  look('aegis_approval_store_reachable', () => (state().problem === null ? 1 : 0));
  look('aegis_approval_watch_open', () => (state().watchAgeMs === null ? 0 : 1));
  look('aegis_approval_watch_age_seconds', () => (state().watchAgeMs ?? Number.NaN) / 1_000);
  look('aegis_approval_policies_in_force', () => (state().policies.kind === 'in-force' ? 1 : 0));
  look('aegis_approval_clock_skew_seconds', () => state().skewMs / 1_000);
}

function sinkStates({
  sinks,
}: Observed): readonly { readonly name: string; readonly problem: string | null; readonly behind: number }[] {
  return sinks.map((sink) => ({ name: sink.name, problem: sink.problem(), behind: sink.behind() }));
}

async function numberOf(look: () => number | Promise<number>): Promise<number> {
  try {
    return await look();
  } catch {
    return Number.NaN;
  }
}

/** Lets the first `most` distinct values through and gives every other one the same name. */
function boundedLabel(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.size < most) known.add(value);
    return known.has(value) ? value : OTHER_RULE;
  };
}

/** `2xx` and the like: codes of upstreams are theirs to invent. */
function statusClass(status: number | null): string {
  const first = status === null ? 0 : Math.trunc(status / 100);
  return first >= 1 && first <= 5 ? `${first}xx` : 'none';
}

function counter(registry: Registry, name: MetricName): Counter {
  return new Counter(common(registry, name));
}

function gauge(registry: Registry, name: MetricName, collect?: (self: Gauge) => void | Promise<void>): Gauge {
  return new Gauge({
    ...common(registry, name),
    ...(collect === undefined
      ? {}
      : {
          async collect(this: Gauge) {
            await collect(this);
          },
        }),
  });
}

function histogram(registry: Registry, name: MetricName): Histogram {
  const { buckets = [] }: MetricDefinition = METRICS[name];
  return new Histogram({ ...common(registry, name), buckets: [...buckets] });
}

function common(
  registry: Registry,
  name: MetricName,
): {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
} {
  const { help, labels }: MetricDefinition = METRICS[name];
  return { name, help, labelNames: [...labels], registers: [registry] };
}
