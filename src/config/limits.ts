/**
 * Every limit of the gateway that gateway.yaml can set, in one table: what it is when nothing is said, the bounds
 * within which it can be set, and why. Durations in milliseconds, sizes in bytes, the rest counts.
 */
export interface Limit {
  readonly unit: 'milliseconds' | 'bytes' | 'count';
  readonly value: number;
  readonly min: number;
  readonly max: number;
  /** Why the value is what it is: a class of attacks, a specification, a measured figure. */
  readonly why: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const LIMITS = {
  body: {
    unit: 'bytes',
    value: 8 * MIB,
    min: KIB,
    max: 64 * MIB,
    why: 'An LLM turn of an agent is 0.2 to 2 MB; a body that is judged is held in memory whole, so it has to end somewhere.',
  },
  buffered: {
    unit: 'bytes',
    value: 64 * MIB,
    min: MIB,
    max: 1024 * MIB,
    why: 'One bound on all bodies in memory together, so that many clients at once cannot exhaust the sidecar.',
  },
  url: {
    unit: 'bytes',
    value: 8 * KIB,
    min: 256,
    max: 64 * KIB,
    why: 'RFC 9110 section 4.1 asks for at least 8000 octets; most servers refuse more.',
  },
  headers: {
    unit: 'bytes',
    value: 32 * KIB,
    min: 4 * KIB,
    max: 256 * KIB,
    why: 'Header floods (CWE-770): usual servers take 8 to 16 KiB, tokens of cloud providers can be larger.',
  },
  header_count: {
    unit: 'count',
    value: 128,
    min: 16,
    max: 1_000,
    why: 'Many small fields cost more than their bytes; browsers send about 20.',
  },
  headers_timeout: {
    unit: 'milliseconds',
    value: 15 * SECOND,
    min: SECOND,
    max: 5 * MINUTE,
    why: 'Slowloris: a client that trickles its header section holds a connection.',
  },
  body_timeout: {
    unit: 'milliseconds',
    value: MINUTE,
    min: SECOND,
    max: HOUR,
    why: 'The slow-body form of the same attack; 8 MiB in a minute is 140 KiB/s.',
  },
  keep_alive_timeout: {
    unit: 'milliseconds',
    value: MINUTE,
    min: SECOND,
    max: HOUR,
    why: 'Agents call in bursts; an idle connection on loopback costs little, but not nothing.',
  },
  connections: {
    unit: 'count',
    value: 1_024,
    min: 1,
    max: 16_384,
    why: 'Each connection takes a descriptor here and another to the upstream; containers start with 1,024 or more.',
  },
  body_grace: {
    unit: 'milliseconds',
    value: 10 * SECOND,
    min: SECOND,
    max: 5 * MINUTE,
    why: 'A body may start late (a client that waits for 100 Continue, a cold disk) before its rate counts.',
  },
  body_rate: {
    unit: 'bytes',
    value: KIB,
    min: 1,
    max: 1024 * KIB,
    why: 'Bytes a second that a judged body must arrive with on average: slower is a slow-body attack (CWE-400).',
  },
  reader_timeout: {
    unit: 'milliseconds',
    value: MINUTE,
    min: SECOND,
    max: 60 * MINUTE,
    why: 'A client that does not take a byte of its answer for so long keeps an upstream connection open for nothing.',
  },
  pipelined: {
    unit: 'count',
    value: 16,
    // A client can send its next request before Node has reported the last answer finished.
    min: 1,
    max: 1_000,
    why: 'Requests that wait behind the one that runs on a connection; hardly any client pipelines, and each waits in memory.',
  },
  requests_per_connection: {
    unit: 'count',
    value: 10_000,
    min: 1,
    max: 1_000_000,
    why: 'What Node and this gateway keep for a connection is let go of now and then; nginx closes after 1,000.',
  },
  connect_timeout: {
    unit: 'milliseconds',
    value: 10 * SECOND,
    min: 100,
    max: 5 * MINUTE,
    why: 'A TCP handshake and a TLS handshake across the world end within a few seconds.',
  },
  response_timeout: {
    unit: 'milliseconds',
    value: 5 * MINUTE,
    min: 100,
    max: HOUR,
    why: 'LLM endpoints that do not stream answer after minutes.',
  },
  idle_timeout: {
    unit: 'milliseconds',
    value: 5 * MINUTE,
    min: 100,
    max: 24 * HOUR,
    why: 'Server-sent events and WebSockets may be silent for long; a dead peer must still be noticed.',
  },
  upstream_keep_alive: {
    unit: 'milliseconds',
    value: 4 * SECOND,
    min: 100,
    max: 10 * MINUTE,
    why: 'Node and many other servers close an idle connection after 5 seconds; reusing one just then loses a request.',
  },
  upstream_connections: {
    unit: 'count',
    value: 2_048,
    min: 1,
    max: 32_768,
    why: 'Each client connection needs one, idle ones are kept beside them; an agent that calls host after host must not use up the descriptors.',
  },
  response_headers: {
    unit: 'bytes',
    value: 64 * KIB,
    min: 4 * KIB,
    max: 256 * KIB,
    why: 'Header floods from the other side (CWE-770); upstreams with many cookies and policies send 10 to 20 KiB.',
  },
  approval_wait: {
    unit: 'milliseconds',
    value: 30 * SECOND,
    min: 0,
    max: 15 * MINUTE,
    why: 'Most HTTP clients give up after 60 seconds or more; the agent is told to come back before that.',
  },
  approval_ttl: {
    unit: 'milliseconds',
    value: 15 * MINUTE,
    min: SECOND,
    max: 7 * 24 * HOUR,
    why: 'A request that nobody looked at for a quarter of an hour is out of context.',
  },
  approval_for: {
    unit: 'milliseconds',
    value: 10 * MINUTE,
    min: SECOND,
    max: 24 * HOUR,
    why: 'A grant for more than one execution should end with the task at hand.',
  },
  pending: {
    unit: 'count',
    value: 1_000,
    min: 1,
    max: 10_000,
    why: 'An agent that asks without end must not bury the request that matters, nor fill the disk.',
  },
  held: {
    unit: 'count',
    value: 256,
    min: 1,
    max: 10_000,
    why: 'Each held request keeps a connection and its body in memory while a human thinks.',
  },
  drain_timeout: {
    unit: 'milliseconds',
    value: 20 * SECOND,
    min: 0,
    max: 10 * MINUTE,
    why: 'Kubernetes kills a pod 30 seconds after it asked it to end; the journal has to be closed before that.',
  },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;
export type LimitValues = { readonly [name in LimitName]: number };
