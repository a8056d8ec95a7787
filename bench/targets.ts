/** The programs that requests are sent through, each with the configuration that does no more than the measurement needs. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPeer, OPA_VARIABLE, peer } from './peers.ts';
import { freePort, MEASURED_CORE, OTHER_CORE, Program } from './program.ts';
import { ANSWER, MAX_TOTAL, MIB, padded } from './requests.ts';

/** The tool API behind everything that is measured. */
export interface Upstream extends AsyncDisposable {
  readonly port: number;
  readonly tlsPort: number;
  readonly caFile: string;
  readonly program: Program;
}

/** What a target needs to be started: a folder of its own, and the upstream. */
interface Place {
  readonly folder: string;
  readonly port: number;
  readonly upstream: Upstream;
}

export interface Target {
  readonly name: string;
  /** Whether it refuses what the rule forbids. */
  readonly judges: boolean;
  /** Why it cannot run here; null when it can. */
  readonly skipped: () => string | null;
  readonly start: (place: Place) => Promise<readonly Program[]>;
}

const ENTRY = resolve('dist/aegis-gateway.mjs');
/** The largest body of a measurement, and room for it. */
const LARGEST_BYTES = 2 * MIB;

/** Answers everything with 1 KiB or 1 MiB of JSON, over HTTP and HTTPS. */
export async function startUpstream(folder: string): Promise<Upstream> {
  await mkdir(join(folder, 'routes', 'api'), { recursive: true });
  const large = padded({ ok: true }, MIB);
  await writeFile(join(folder, 'large.json'), large);
  await copyFile(join(folder, 'large.json'), join(folder, 'routes', 'api', 'large.json'));
  makeCertificates(folder);
  const port = await freePort();
  const tlsPort = await freePort();
  const answer = `default_type application/json; add_header X-Received $content_length; return 200 '${ANSWER}';`;
  const config = nginxConfig(
    folder,
    `server {
      listen 127.0.0.1:${port} backlog=512;
      listen 127.0.0.1:${tlsPort} ssl backlog=512;
      ssl_certificate ${folder}/upstream.pem; ssl_certificate_key ${folder}/upstream.key;
      root ${folder};
      location ~ /large.json$ { default_type application/json; sendfile on; }
      location / { ${answer} }
    }`,
  );
  await writeFile(join(folder, 'nginx.conf'), config);
  const program = new Program(OTHER_CORE, [peer('nginx'), '-c', join(folder, 'nginx.conf')]);
  const dispose = async (): Promise<void> => await program[Symbol.asyncDispose]();
  return { port, tlsPort, caFile: join(folder, 'ca.pem'), program, [Symbol.asyncDispose]: dispose };
}

function makeCertificates(folder: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const request = (name: string, ...args: readonly string[]): void => {
    const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
    const { status, stderr } = spawnSync(peer('openssl'), ['req', '-x509', ...key, ...files, ...args]);
    if (status !== 0) throw new Error(`openssl made no certificate: ${stderr.toString()}`);
  };
  request('ca', '-subj', '/CN=bench upstream CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  const issuer = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key')];
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
  request('upstream', ...issuer, '-subj', '/CN=localhost', '-addext', names, '-addext', 'basicConstraints=CA:FALSE');
}

function nginxConfig(folder: string, servers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
  events { worker_connections 1024; }
  http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on;
    client_max_body_size ${LARGEST_BYTES}; client_body_buffer_size ${LARGEST_BYTES};
    ${temporary.map((name) => `${name}_temp_path ${folder};`).join(' ')}
    ${servers}
  }`;
}

/** The policy of the gateway: the same rule as OPA's, behind others as a real policy has them. */
export const POLICY = `version: "1"
rules:
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: large-orders, match: {type: create, target: "127.0.0.1*"}, conditions: {param_gt: {total: ${MAX_TOTAL}}}, risk_level: high, approval: block}
  - {name: orders, match: {type: create}, risk_level: low, approval: auto}
  - {name: reads, match: {type: read}, risk_level: low, approval: auto}
`;

const REGO = `package aegis
import rego.v1
default allow := false
allow if input.attributes.request.http.method == "GET"
allow if {
  input.attributes.request.http.method == "POST"
  input.parsed_body.total <= ${MAX_TOTAL}
}
`;

const always = (): null => null;
const needs = (name: Parameters<typeof findPeer>[0], why: string) => (): string | null =>
  findPeer(name) === null ? why : null;

export const GATEWAY: Target = {
  name: 'gateway',
  judges: true,
  skipped: always,
  start: async ({ folder, port, upstream }) => {
    await writeFile(join(folder, 'policy.yaml'), POLICY);
    await writeFile(
      join(folder, 'gateway.yaml'),
      `version: 1
data_dir: ${folder}/data
agent: {id: bench}
listeners: {data: "127.0.0.1:${port}", admin: "127.0.0.1:${await freePort()}"}
policy: {files: [policy.yaml]}
routes: {api: {upstream: "http://127.0.0.1:${upstream.port}"}}
upstream: {allow: ["127.0.0.1:${upstream.port}", "127.0.0.1:${upstream.tlsPort}"], ca_files: ["${upstream.caFile}"]}
`,
    );
    return [new Program(MEASURED_CORE, [process.execPath, ENTRY, 'serve', '--config', join(folder, 'gateway.yaml')])];
  },
};

const BARE_RELAY: Target = {
  name: 'bare relay',
  judges: false,
  skipped: always,
  start: async ({ port, upstream }) => {
    const script = fileURLToPath(new URL('./bare-relay.ts', import.meta.url));
    return await Promise.resolve([
      new Program(MEASURED_CORE, [process.execPath, script, String(port), String(upstream.port)]),
    ]);
  },
};

const NGINX: Target = {
  name: 'nginx',
  judges: false,
  skipped: always,
  start: async ({ folder, port, upstream }) => {
    const servers = `upstream api { server 127.0.0.1:${upstream.port}; keepalive 128; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port} backlog=512;
      location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }`;
    await writeFile(join(folder, 'nginx.conf'), nginxConfig(folder, servers));
    return [new Program(MEASURED_CORE, [peer('nginx'), '-c', join(folder, 'nginx.conf')])];
  },
};

const HAPROXY: Target = {
  name: 'HAProxy',
  judges: false,
  skipped: needs('haproxy', 'HAProxy could not be installed'),
  start: async ({ folder, port, upstream }) => {
    const times = 'timeout connect 5s\n  timeout client 60s\n  timeout server 60s';
    await writeFile(
      join(folder, 'haproxy.cfg'),
      `global
  nbthread 1
  maxconn 1024
defaults
  mode http
  http-reuse always
  ${times}
listen api
  bind 127.0.0.1:${port}
  server api 127.0.0.1:${upstream.port} pool-max-conn 128
`,
    );
    return [new Program(MEASURED_CORE, [peer('haproxy'), '-db', '-f', join(folder, 'haproxy.cfg')])];
  },
};

const ENVOY: Target = {
  name: 'Envoy',
  judges: false,
  skipped: needs('envoy', 'Envoy could not be installed'),
  start: async (place) => await Promise.resolve([await startEnvoy(place, null)]),
};

const ENVOY_OPA: Target = {
  name: 'Envoy + OPA',
  judges: true,
  skipped: () =>
    needs('envoy', 'Envoy could not be installed')() ??
    needs('opa-envoy', `${OPA_VARIABLE} names no binary of OPA's Envoy plug-in`)(),
  start: async (place) => {
    const grpcPort = await freePort();
    await writeFile(join(place.folder, 'policy.rego'), REGO);
    const settings = [
      `plugins.envoy_ext_authz_grpc.addr=127.0.0.1:${grpcPort}`,
      'plugins.envoy_ext_authz_grpc.path=aegis/allow',
      `plugins.envoy_ext_authz_grpc.grpc-max-recv-msg-size=${4 * MIB}`,
      'decision_logs.console=false',
    ].flatMap((setting) => ['--set', setting]);
    const opa = [peer('opa-envoy'), 'run', '--server', `--addr=127.0.0.1:${await freePort()}`, '--log-level=error'];
    const diagnostics = `--diagnostic-addr=127.0.0.1:${await freePort()}`;
    return [
      new Program(MEASURED_CORE, [...opa, diagnostics, ...settings, join(place.folder, 'policy.rego')], {
        GOMAXPROCS: '1',
      }),
      await startEnvoy(place, grpcPort),
    ];
  },
};

/** What a plain HTTP request is sent through, the base of all ratios first. */
export const TARGETS: readonly Target[] = [BARE_RELAY, GATEWAY, NGINX, HAPROXY, ENVOY, ENVOY_OPA];

/** What opens HTTPS: asked by CONNECT. */
export const MITMPROXY: Target = {
  name: 'mitmproxy',
  judges: false,
  skipped: needs('mitmdump', 'mitmproxy could not be installed; it needs Python 3.12'),
  start: async ({ folder, port, upstream }) => {
    const settings = [
      `confdir=${folder}`,
      `ssl_verify_upstream_trusted_ca=${upstream.caFile}`,
      'flow_detail=0',
      'termlog_verbosity=error',
      'http2=false',
    ].flatMap((setting) => ['--set', setting]);
    return await Promise.resolve([
      new Program(MEASURED_CORE, [
        peer('mitmdump'),
        '--listen-host',
        '127.0.0.1',
        '--listen-port',
        String(port),
        ...settings,
      ]),
    ]);
  },
};

async function startEnvoy({ folder, port, upstream }: Place, authorizerPort: number | null): Promise<Program> {
  const config = {
    static_resources: {
      listeners: [
        { address: address(port), filter_chains: [{ filters: [connectionManager(authorizerPort !== null)] }] },
      ],
      clusters: [
        cluster('api', upstream.port, {}),
        ...(authorizerPort === null ? [] : [cluster('opa', authorizerPort, { http2_protocol_options: {} })]),
      ],
    },
  };
  await writeFile(join(folder, 'envoy.json'), JSON.stringify(config));
  const options = ['--concurrency', '1', '--log-level', 'error', '--use-dynamic-base-id'];
  return new Program(MEASURED_CORE, [peer('envoy'), '-c', join(folder, 'envoy.json'), ...options]);
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function connectionManager(authorized: boolean): object {
  const filters = 'type.googleapis.com/envoy.extensions.filters';
  const authorizer = {
    name: 'envoy.filters.http.ext_authz',
    typed_config: {
      '@type': `${filters}.http.ext_authz.v3.ExtAuthz`,
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: 'opa' }, timeout: '5s' },
      with_request_body: { max_request_bytes: LARGEST_BYTES, allow_partial_message: false },
    },
  };
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${filters}.http.router.v3.Router` },
  };
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'api' } }];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${filters}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'bench',
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      http_filters: authorized ? [authorizer, router] : [router],
    },
  };
}

function cluster(name: string, port: number, protocol: object): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  const version = 'http2_protocol_options' in protocol ? protocol : { http_protocol_options: {} };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    per_connection_buffer_limit_bytes: LARGEST_BYTES,
    circuit_breakers: { thresholds: [{ max_connections: 1024, max_requests: 4096, max_pending_requests: 4096 }] },
    load_assignment: { cluster_name: name, endpoints },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: version,
      },
    },
  };
}
