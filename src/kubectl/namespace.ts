import { readFile } from 'node:fs/promises';
import type { Kubectl } from './kubectl.ts';
import { KubectlError } from './kubectl-error.ts';
import { memberOf } from './seen-request.ts';

/** Where kubectl looks in a pod, and what it takes when nothing says anything. */
const POD_NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';
const DEFAULT_NAMESPACE = 'default';

/** What the namespace follows from beside the kubeconfig. */
export interface NamespaceSources {
  readonly env: { readonly [name: string]: string | undefined };
  /** Whether a context was named: then that it is missing is an error. */
  readonly contextGiven: boolean;
  readonly signal: AbortSignal;
}

/** The namespace that kubectl would use without `--namespace`: that of the context, or that of the pod it runs in. */
export async function currentNamespace(kubectl: Kubectl, sources: NamespaceSources): Promise<string> {
  try {
    const config: unknown = JSON.parse(await kubectl.run(['config', 'view', '--minify', '-o', 'json'], sources.signal));
    const contexts = memberOf(config, 'contexts');
    const namespace = memberOf(memberOf(Array.isArray(contexts) ? contexts[0] : null, 'context'), 'namespace');
    return typeof namespace === 'string' && namespace !== '' ? namespace : DEFAULT_NAMESPACE;
  } catch (error) {
    if (!(error instanceof KubectlError) || sources.contextGiven || error.message.includes('could not be run'))
      throw error;
    return await podNamespace(sources.env);
  }
}

async function podNamespace(env: NamespaceSources['env']): Promise<string> {
  const stated = env['POD_NAMESPACE'] ?? '';
  if (stated !== '') return stated;
  const mounted = await readFile(POD_NAMESPACE_FILE, 'utf8').catch(() => '');
  return mounted.trim() === '' ? DEFAULT_NAMESPACE : mounted.trim();
}
