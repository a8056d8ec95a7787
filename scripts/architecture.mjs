/** The stages that exchange.ts calls by name. */
export const PURE = ['policy', 'action', 'request', 'redaction', 'binding', 'evidence', 'visible'];

/** The import table of src/: one row a folder. `pure` folders touch no socket, file, clock or process. */
export const FOLDERS = {
  model: { imports: [], pure: true },
  document: { imports: ['model'], pure: true },
  config: { imports: ['model', 'document'], pure: true },
  policy: { imports: ['model', 'document'], pure: true },
  request: { imports: ['model', 'document'], pure: true },
  action: { imports: ['model', 'document', 'request'], pure: true },
  redaction: { imports: ['model', 'document'], pure: true },
  binding: { imports: ['model'], pure: true },
  visible: { imports: ['model'], pure: true },
  evidence: { imports: ['model'], pure: true },
  certificates: { imports: ['model', 'config'] },
  intercept: { imports: ['model', 'config'] },
  kubernetes: { imports: ['model', 'config'] },
  approval: { imports: ['model', 'config', 'binding', 'visible', 'kubernetes'] },
  forward: { imports: ['model', 'config'] },
  webhook: { imports: ['model'] },
  notify: { imports: ['model', 'config', 'visible', 'webhook'] },
  audit: { imports: ['model', 'config', 'webhook'] },
  telemetry: { imports: ['model', 'config'] },
  admin: { imports: ['model', 'config'] },
  cli: {
    imports: [
      'model',
      'document',
      'config',
      ...PURE,
      'certificates',
      'kubernetes',
      'approval',
      'audit',
      'telemetry',
      'admin',
    ],
    files: ['^src/(?:gateway|world|cluster-approvals)\\.ts$'],
  },
  kubectl: { imports: ['model', 'document', 'visible', 'approval', 'cli'] },
};

/** The folders that may import an npm package. A package that is not listed may be imported by nobody. */
export const PACKAGE_OWNERS = {
  yaml: ['cli'],
  zod: ['document', 'config', 'policy', 'action', 'approval'],
  re2js: ['policy'],
  '@marcbachmann/cel-js': ['policy'],
  'http-proxy-middleware': ['forward'],
  undici: ['forward'],
  'ipaddr.js': ['forward'],
  pkijs: ['certificates'],
  asn1js: ['certificates'],
  '@kubernetes/client-node': ['kubernetes'],
  express: ['admin'],
  koffi: ['admin'],
  'prom-client': ['telemetry'],
  commander: ['cli', 'kubectl'],
};
