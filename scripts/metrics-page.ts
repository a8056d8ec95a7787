/** `node scripts/metrics-page.ts`: writes docs/metrics.md from the table of metrics. A test compares the two. */
import { CONNECTION_CUTS } from '../src/model/connection-cut.ts';
import { NOTICE_RESULTS } from '../src/model/notice-result.ts';
import { TLS_FAILURES } from '../src/model/tls-failure.ts';
import { METRICS, type MetricDefinition } from '../src/telemetry/metric-table.ts';
import { MAX_RULE_LABELS } from '../src/telemetry/metrics.ts';

const LABELS: Readonly<Record<string, string>> = {
  entry: '`forward-proxy`, `route`, `connect`, `captured`, `unknown`',
  approval: '`auto`, `approve`, `block`',
  risk_level: '`low`, `medium`, `high`, `critical`',
  rule: `the name of the deciding rule, \`<default>\` or \`<no-policy-configured>\`; after the first ${MAX_RULE_LABELS} names, \`<other>\``,
  sink: 'the audit database (`sqlite`) and the sinks of `audit.sinks`, by name',
  code: 'a [fault code](faults.md)',
  result: `\`success\`, \`failed\`, \`aborted\`, \`not-sent\`, \`unknown\`; of a load, \`loaded\` or \`rejected\`; of notices, ${NOTICE_RESULTS.map((result) => `\`${result}\``).join(', ')}`,
  target: 'the targets of `approvals.notify`, by name',
  status: 'the class of the status that the upstream answered, `1xx` to `5xx`, or `none`',
  outcome: '`granted`, `pending`, `denied`, `expired`, `consumed`, `void`, `client-gone`, `full`, `unavailable`',
  failure: TLS_FAILURES.map((failure) => `\`${failure}\``).join(', '),
  reason: CONNECTION_CUTS.map((reason) => `\`${reason}\``).join(', '),
  made: '`made`, `reused`, `refused`',
  part: '`config`, `policy`, `actions`',
  policy_digest: 'SHA-256 of the policy in force; one series at a time',
  actions_digest: 'SHA-256 of the action map in force; one series at a time',
  level: '`cooperative`, `fenced`, `captured`',
  version: 'the version of the gateway',
  node: 'the version of Node',
};

/** The text of docs/metrics.md. */
export function metricsPage(): string {
  const metrics = Object.entries<MetricDefinition>(METRICS);
  const rows = metrics.map(([name, { type, labels, help }]) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${shown === '' ? '-' : shown} | ${help} |`;
  });
  const used = [...new Set(metrics.flatMap(([, { labels }]) => labels))];
  const labels = used.map((label) => `| \`${label}\` | ${LABELS[label] ?? ''} |`);
  const buckets = metrics.flatMap(([name, { buckets: bounds }]) =>
    bounds === undefined ? [] : [`| \`${name}\` | ${bounds.join(', ')} |`],
  );
  return `# Metrics

\`/metrics\` on the admin listener answers in the text format of Prometheus. Names, labels and meanings in this page are
kept from one minor version to the next. No label holds anything that an agent can choose freely, so the number of time
series is bounded. This page is made from \`src/telemetry/metric-table.ts\`.

| metric | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

| label | values |
|---|---|
${labels.join('\n')}

| histogram | upper bounds in seconds |
|---|---|
${buckets.join('\n')}

Beside these, \`process_*\` and \`nodejs_*\` are the usual metrics of a Node process (CPU, memory, file descriptors, garbage
collection, delay of the event loop) as prom-client collects them.
`;
}
