import type { Command } from 'commander';
import { ClusterRequests, type Where } from './cluster-requests.ts';
import { connectionFlags } from './connection-flags.ts';
import { Kubectl } from './kubectl.ts';
import { currentNamespace } from './namespace.ts';
import type { PluginIo } from './plugin-io.ts';

/** What a command works with. */
export interface PluginContext {
  readonly io: PluginIo;
  readonly requests: ClusterRequests;
  /** The namespace that was given, or the one that kubectl would take. */
  readonly namespace: () => Promise<string>;
}

/** Makes it of the flags that were given. kubectl speaks under its own name while it works. */
export function contextOf(program: Command, io: PluginIo, say: (text: string) => void = io.stderr): PluginContext {
  const given: { readonly namespace?: string; readonly context?: string } = program.opts();
  const kubectl = new Kubectl({
    program: io.env['AEGIS_KUBECTL'] || 'kubectl',
    flags: connectionFlags(program, ['namespace']),
    stderr: say,
  });
  const sources = { env: io.env, contextGiven: given.context !== undefined, signal: io.signal };
  return {
    io,
    requests: new ClusterRequests(kubectl, io.signal),
    namespace: async () => given.namespace ?? (await currentNamespace(kubectl, sources)),
  };
}

/** Which requests a command is about. */
export async function whereOf(context: PluginContext, everywhere: boolean): Promise<Where> {
  return everywhere ? { kind: 'everywhere' } : { kind: 'namespace', namespace: await context.namespace() };
}
