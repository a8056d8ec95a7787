/** A metric as it is exposed and documented. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** Seconds: from a loopback answer to the longest that an LLM endpoint takes. */
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const;
/** Seconds: a verdict is a matter of microseconds to milliseconds, unless a large body had to be read first. */
const VERDICT_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
] as const;
/** Seconds: people answer within seconds to minutes, and the connection is held for 15 minutes at most. */
const HOLD_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 900] as const;

/** Every metric of the gateway, beside those of Node and the process. Names, labels and help are a promise. */
export const METRICS = {
  aegis_requests_received_total: {
    type: 'counter',
    help: 'Requests that an exchange was made of, by the way they came in.',
    labels: ['entry'],
  },
  aegis_decisions_total: {
    type: 'counter',
    help: 'What policy decided of requests, by the deciding rule.',
    labels: ['approval', 'risk_level', 'rule'],
  },
  aegis_refusals_total: {
    type: 'counter',
    help: 'Requests that were not forwarded, or whose answer failed, by fault code.',
    labels: ['code'],
  },
  aegis_forwarded_total: {
    type: 'counter',
    help: 'Requests that were forwarded, by what came of them and by the class of the status answered.',
    labels: ['entry', 'result', 'status'],
  },
  aegis_forwarded_seconds: {
    type: 'histogram',
    help: 'Seconds from the arrival of a forwarded request to the end of its answer.',
    labels: ['entry', 'result'],
    buckets: CALL_SECONDS,
  },
  aegis_verdict_seconds: {
    type: 'histogram',
    help: 'Seconds that the gateway took from the arrival of a request to its verdict, reading of the body included.',
    labels: [],
    buckets: VERDICT_SECONDS,
  },
  aegis_held_seconds: {
    type: 'histogram',
    help: 'Seconds for which requests were held for a human, by what came of it.',
    labels: ['outcome'],
    buckets: HOLD_SECONDS,
  },
  aegis_client_tls_failures_total: {
    type: 'counter',
    help: 'TLS handshakes with clients that came to nothing; a client that does not trust the CA is the usual reason.',
    labels: ['failure'],
  },
  aegis_connections_cut_total: {
    type: 'counter',
    help: 'Connections that were ended without a word: nothing came, too many were open even to refuse, or the answer was not read.',
    labels: ['reason'],
  },
  aegis_leaf_certificates_total: {
    type: 'counter',
    help: 'Certificates for the hosts of opened connections: made, used again, or refused since too many were asked for.',
    labels: ['made'],
  },
  aegis_approvals_pending: { type: 'gauge', help: 'Approval requests that wait for a human.', labels: [] },
  aegis_approval_store_reachable: {
    type: 'gauge',
    help: '1 while the API server that keeps approvals answers, else 0; not there with the local store.',
    labels: [],
  },
  aegis_approval_watch_open: {
    type: 'gauge',
    help: '1 while approvals of the cluster are watched, which is while one is pending, else 0.',
    labels: [],
  },
  aegis_approval_watch_age_seconds: {
    type: 'gauge',
    help: 'Seconds since the watch of approvals heard anything, bookmarks included; not a number while it is closed.',
    labels: [],
  },
  aegis_approval_policies_in_force: {
    type: 'gauge',
    help: '1 while the admission policies that say who decides were found in force, else 0.',
    labels: [],
  },
  aegis_approval_clock_skew_seconds: {
    type: 'gauge',
    help: "By how much the API server's clock is ahead of the gateway's; 0 within a second.",
    labels: [],
  },
  aegis_notices_total: {
    type: 'counter',
    help: 'Notices of approvals by what became of them: messages sent, notices folded into one message, notices that were not told.',
    labels: ['target', 'result'],
  },
  aegis_notice_failures_total: {
    type: 'counter',
    help: 'Tries to tell a target that came to nothing; most are repeated.',
    labels: ['target'],
  },
  aegis_notices_waiting: {
    type: 'gauge',
    help: 'Notices of approvals that wait to be told.',
    labels: ['target'],
  },
  aegis_policy_info: {
    type: 'gauge',
    help: 'Always 1; the labels are the digests of the policy and of the action map in force.',
    labels: ['policy_digest', 'actions_digest'],
  },
  aegis_loads_total: {
    type: 'counter',
    help: 'Loads of configuration, policy and action map; where one is rejected, the version before it stays in force.',
    labels: ['part', 'result'],
  },
  aegis_last_load_timestamp_seconds: {
    type: 'gauge',
    help: 'When each part was last loaded with success, in seconds since the epoch.',
    labels: ['part'],
  },
  aegis_journal_healthy: { type: 'gauge', help: '1 while the audit journal can be written, else 0.', labels: [] },
  aegis_audit_database_healthy: {
    type: 'gauge',
    help: '1 while the audit database follows the journal, else 0; nothing is lost while it does not.',
    labels: [],
  },
  aegis_audit_sink_healthy: {
    type: 'gauge',
    help: '1 while the last batch for the sink went in, else 0; nothing is lost while it does not.',
    labels: ['sink'],
  },
  aegis_audit_sink_behind_records: {
    type: 'gauge',
    help: 'Records of the journal that the sink does not have yet.',
    labels: ['sink'],
  },
  aegis_audit_anchors_healthy: {
    type: 'gauge',
    help: '1 while the newest anchor is in the file of audit.anchor_file, or where there is none; else 0.',
    labels: [],
  },
  aegis_buffered_bytes: { type: 'gauge', help: 'Bytes of request bodies that are held in memory.', labels: [] },
  aegis_open_connections: { type: 'gauge', help: 'Connections that are open on the data port.', labels: [] },
  aegis_enforcement_level: {
    type: 'gauge',
    help: '1 for the level at which the traffic of the pod is captured, 0 for the others.',
    labels: ['level'],
  },
  aegis_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels are the versions of the gateway and of Node.',
    labels: ['version', 'node'],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
