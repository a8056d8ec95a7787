import { resolve } from 'node:path';
import * as z from 'zod';
import { duration } from '../document/quantity.ts';
import { notifySchema, withNotifyPaths } from './notify-schema.ts';

/** Where Kubernetes mounts the token of a pod's ServiceAccount unless the pod says otherwise. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A label of DNS (RFC 1123). */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
const KUBERNETES_ONLY = ['namespace', 'kubeconfig', 'context'] as const;

/** `approvals` of gateway.yaml. */
export const approvalsSchema = z
  .strictObject({
    store: z
      .enum(['local', 'kubernetes'])
      .default('local')
      .describe('Where approvals are kept: an SQLite file in data_dir, or ApprovalRequests of a cluster.'),
    retention: duration({ min: 3_600_000, max: 3650 * 86_400_000 })
      .prefault('30d')
      .describe('How long the local store keeps ended approvals; in a cluster, approvals prune removes them.'),
    namespace: z
      .string()
      .regex(NAMESPACE, { error: 'expected the name of a namespace' })
      .optional()
      .describe('The namespace of the ApprovalRequests; default: that of the ServiceAccount or of the context.'),
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe('A kubeconfig file; without one, the ServiceAccount of the pod is used.'),
    context: z.string().min(1).optional().describe('The context of the kubeconfig; default: its current context.'),
    service_account_dir: z
      .string()
      .min(1)
      .default(SERVICE_ACCOUNT_FOLDER)
      .describe('The folder that holds token, ca.crt and namespace.'),
    on_outage: z
      .enum(['hold', 'refuse'])
      .default('hold')
      .describe(
        'While the API server is away: hold a connection as long as for a human, or refuse it at once. Nothing passes either way.',
      ),
    require_policies: z
      .boolean()
      .default(true)
      .describe('Refuse to use the store while the admission policies that say who decides are not in force.'),
    policy_check: duration({ min: 1_000, max: 3_600_000 })
      .prefault('1m')
      .describe(
        'How often it is tried whether they are; while nothing is pending or granted, five to ten times less often.',
      ),
    notify: notifySchema,
  })
  .refine(({ store, ...given }) => store === 'kubernetes' || KUBERNETES_ONLY.every((key) => given[key] === undefined), {
    error: `expected store: kubernetes beside ${KUBERNETES_ONLY.join(', ')}`,
  })
  .refine(({ context, kubeconfig }) => context === undefined || kubeconfig !== undefined, {
    error: 'expected kubeconfig beside context',
  });

export type ApprovalsConfig = Readonly<z.output<typeof approvalsSchema>>;

/** Relative paths are those of the configuration file's folder. */
export function withApprovalPaths(config: ApprovalsConfig, folder: string): ApprovalsConfig {
  const { kubeconfig, notify, service_account_dir: dir } = config;
  return {
    ...config,
    notify: withNotifyPaths(notify, (file) => resolve(folder, file)),
    service_account_dir: resolve(folder, dir),
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(folder, kubeconfig) }),
  };
}
