import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { metricsPage } from '../../../scripts/metrics-page.ts';
import { METRICS, type MetricDefinition } from '../../../src/telemetry/metric-table.ts';
import { createTelemetry, MAX_RULE_LABELS, type Observed, type Telemetry } from '../../../src/telemetry/metrics.ts';

const CLOCK = { now: () => 1_700_000_000_000, monotonic: () => 0 };
const OBSERVED: Observed = {
  listener: { bufferedBytes: () => 4_096, openConnections: () => 7 },
  journal: { problem: () => null },
  feed: { problem: () => 'the disk is full' },
  sinks: [
    { name: 'sqlite', problem: () => 'the disk is full', behind: () => 3 },
    { name: 'siem', problem: () => null, behind: () => 0 },
  ],
  anchors: { problem: () => null },
  cluster: () => ({ problem: null, policies: { kind: 'in-force' }, watchAgeMs: 2_000, skewMs: -3_000 }),
  notified: () => [{ name: 'slack', waiting: 2 }],
  store: { pendingCount: () => 3 },
  world: () => ({ policy: { digest: 'aa' }, actions: { digest: 'bb' }, enforcement: 'cooperative' }),
};

const telemetryOf = (): Telemetry => createTelemetry({ clock: CLOCK, version: '1.2.3', nodeVersion: 'v26.0.0' });

/** The lines of a scrape that belong to a metric, comments left out. */
async function lines(telemetry: Telemetry, name: string): Promise<readonly string[]> {
  const { text } = await telemetry.metrics();
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe('the table of metrics', () => {
  it('is what the page says', async () => {
    expect(await readFile(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')).toBe(metricsPage());
  });

  it('explains every label', () => {
    for (const label of Object.values<MetricDefinition>(METRICS).flatMap(({ labels }) => labels)) {
      expect(metricsPage()).toMatch(new RegExp(`^\\| \`${label}\` \\| \\S`, 'mu'));
    }
  });

  it('keeps its names, which dashboards rely on', () => {
    expect(Object.keys(METRICS)).toEqual([
      'aegis_requests_received_total',
      'aegis_decisions_total',
      'aegis_refusals_total',
      'aegis_forwarded_total',
      'aegis_forwarded_seconds',
      'aegis_verdict_seconds',
      'aegis_held_seconds',
      'aegis_client_tls_failures_total',
      'aegis_connections_cut_total',
      'aegis_leaf_certificates_total',
      'aegis_approvals_pending',
      'aegis_approval_store_reachable',
      'aegis_approval_watch_open',
      'aegis_approval_watch_age_seconds',
      'aegis_approval_policies_in_force',
      'aegis_approval_clock_skew_seconds',
      'aegis_notices_total',
      'aegis_notice_failures_total',
      'aegis_notices_waiting',
      'aegis_policy_info',
      'aegis_loads_total',
      'aegis_last_load_timestamp_seconds',
      'aegis_journal_healthy',
      'aegis_audit_database_healthy',
      'aegis_audit_sink_healthy',
      'aegis_audit_sink_behind_records',
      'aegis_audit_anchors_healthy',
      'aegis_buffered_bytes',
      'aegis_open_connections',
      'aegis_enforcement_level',
      'aegis_build_info',
    ]);
  });

  it.each(Object.entries<MetricDefinition>(METRICS))(
    '%s is named as its type wants it',
    (name, { type, help, buckets }) => {
      expect(name).toMatch(/^aegis_[a-z_]+$/u);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(buckets !== undefined).toBe(type === 'histogram');
      expect(help).toMatch(/\.$/u);
    },
  );
});

describe('a scrape', () => {
  it('has every metric of the table, and those of Node', async () => {
    const telemetry = telemetryOf();
    telemetry.observe(OBSERVED);
    const { contentType, text } = await telemetry.metrics();
    expect(contentType).toContain('text/plain');
    for (const [name, { type, help }] of Object.entries<MetricDefinition>(METRICS)) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
    expect(text).toContain('# TYPE nodejs_eventloop_lag_seconds gauge');
    expect(text).toContain('# TYPE process_cpu_seconds_total counter');
  });

  it('counts what is metered', async () => {
    const telemetry = telemetryOf();
    const { meter } = telemetry;
    meter.received('route');
    meter.received('unknown');
    meter.decided('block', 'critical', 'no-deletes');
    meter.refused('policy-block');
    meter.judged(0.002);
    meter.held('granted', 12);
    expect(await lines(telemetry, 'aegis_requests_received_total')).toEqual([
      'aegis_requests_received_total{entry="route"} 1',
      'aegis_requests_received_total{entry="unknown"} 1',
    ]);
    expect(await lines(telemetry, 'aegis_decisions_total')).toEqual([
      'aegis_decisions_total{approval="block",risk_level="critical",rule="no-deletes"} 1',
    ]);
    expect(await lines(telemetry, 'aegis_refusals_total')).toEqual(['aegis_refusals_total{code="policy-block"} 1']);
    expect(await lines(telemetry, 'aegis_verdict_seconds_sum')).toEqual(['aegis_verdict_seconds_sum 0.002']);
    expect(await lines(telemetry, 'aegis_held_seconds_count')).toEqual([
      'aegis_held_seconds_count{outcome="granted"} 1',
    ]);
  });

  it('tells statuses by their class only', async () => {
    const telemetry = telemetryOf();
    for (const status of [101, 200, 204, 302, 404, 599, 600, 999, 42, -1, null]) {
      telemetry.meter.forwarded('route', 'success', status, 0.1);
    }
    expect(await lines(telemetry, 'aegis_forwarded_total')).toEqual([
      'aegis_forwarded_total{entry="route",result="success",status="1xx"} 1',
      'aegis_forwarded_total{entry="route",result="success",status="2xx"} 2',
      'aegis_forwarded_total{entry="route",result="success",status="3xx"} 1',
      'aegis_forwarded_total{entry="route",result="success",status="4xx"} 1',
      'aegis_forwarded_total{entry="route",result="success",status="5xx"} 1',
      'aegis_forwarded_total{entry="route",result="success",status="none"} 5',
    ]);
  });

  it('stays bounded however many rules there are', async () => {
    const telemetry = telemetryOf();
    for (let rule = 0; rule < MAX_RULE_LABELS + 50; rule += 1) telemetry.meter.decided('auto', 'low', `rule-${rule}`);
    telemetry.meter.decided('auto', 'low', 'rule-0');
    const counted = await lines(telemetry, 'aegis_decisions_total');
    expect(counted).toHaveLength(MAX_RULE_LABELS + 1);
    expect(counted).toContain('aegis_decisions_total{approval="auto",risk_level="low",rule="<other>"} 50');
    expect(counted).toContain('aegis_decisions_total{approval="auto",risk_level="low",rule="rule-0"} 2');
  });

  it('cannot be broken out of by the name of a rule', async () => {
    const telemetry = telemetryOf();
    telemetry.meter.decided('auto', 'low', 'a"} 1\nforged_metric 1\n\\');
    const { text } = await telemetry.metrics();
    expect(text).toContain('rule="a\\"} 1\\nforged_metric 1\\n\\\\"');
    expect(text.split('\n')).not.toContain('forged_metric 1');
  });

  it('looks at the running parts', async () => {
    const telemetry = telemetryOf();
    telemetry.observe(OBSERVED);
    const { text } = await telemetry.metrics();
    for (const line of [
      'aegis_approvals_pending 3',
      'aegis_approval_store_reachable 1',
      'aegis_approval_watch_open 1',
      'aegis_approval_watch_age_seconds 2',
      'aegis_approval_policies_in_force 1',
      'aegis_approval_clock_skew_seconds -3',
      'aegis_journal_healthy 1',
      'aegis_audit_database_healthy 0',
      'aegis_audit_sink_healthy{sink="sqlite"} 0',
      'aegis_audit_sink_healthy{sink="siem"} 1',
      'aegis_audit_sink_behind_records{sink="sqlite"} 3',
      'aegis_audit_anchors_healthy 1',
      'aegis_buffered_bytes 4096',
      'aegis_open_connections 7',
      'aegis_policy_info{policy_digest="aa",actions_digest="bb"} 1',
      'aegis_enforcement_level{level="cooperative"} 1',
      'aegis_enforcement_level{level="fenced"} 0',
      'aegis_enforcement_level{level="captured"} 0',
      'aegis_build_info{version="1.2.3",node="v26.0.0"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('shows one policy at a time', async () => {
    const telemetry = telemetryOf();
    let digest = 'first';
    const world: Observed['world'] = () => ({ policy: { digest }, actions: { digest: 'bb' }, enforcement: 'fenced' });
    telemetry.observe({ ...OBSERVED, world });
    await telemetry.metrics();
    digest = 'second';
    expect(await lines(telemetry, 'aegis_policy_info')).toEqual([
      'aegis_policy_info{policy_digest="second",actions_digest="bb"} 1',
    ]);
  });

  it('survives a store that cannot be asked', async () => {
    const telemetry = telemetryOf();
    telemetry.observe({
      ...OBSERVED,
      store: {
        pendingCount: () => {
          throw new Error('locked');
        },
      },
    });
    expect(await lines(telemetry, 'aegis_approvals_pending')).toEqual(['aegis_approvals_pending Nan']);
    expect(await lines(telemetry, 'aegis_open_connections')).toEqual(['aegis_open_connections 7']);
  });

  it('counts loads, and keeps the time of the last good one', async () => {
    let now = 1_000_000;
    const telemetry = createTelemetry({ clock: { now: () => now, monotonic: () => 0 }, version: '', nodeVersion: '' });
    now = 2_000_000;
    telemetry.reloaded('policy', 'loaded');
    now = 3_000_000;
    telemetry.reloaded('policy', 'rejected');
    expect(await lines(telemetry, 'aegis_loads_total')).toEqual(
      expect.arrayContaining([
        'aegis_loads_total{part="policy",result="loaded"} 2',
        'aegis_loads_total{part="policy",result="rejected"} 1',
        'aegis_loads_total{part="actions",result="loaded"} 1',
        'aegis_loads_total{part="actions",result="rejected"} 0',
      ]),
    );
    expect(await lines(telemetry, 'aegis_last_load_timestamp_seconds')).toEqual(
      expect.arrayContaining([
        'aegis_last_load_timestamp_seconds{part="policy"} 2000',
        'aegis_last_load_timestamp_seconds{part="config"} 1000',
      ]),
    );
  });

  it('of one gateway knows nothing of another', async () => {
    const [first, second] = [telemetryOf(), telemetryOf()];
    first.meter.refused('policy-block');
    expect(await lines(second, 'aegis_refusals_total')).toEqual([]);
  });
});
