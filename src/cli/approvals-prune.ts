import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { pruneRequests, type Pruned } from '../approval/kubernetes-prune.ts';
import { ApprovalRequests } from '../approval/kubernetes-requests.ts';
import { kubernetesClient } from '../cluster-approvals.ts';
import { formatDuration, parseDuration } from '../document/quantity.ts';
import { makeVisible } from '../visible/text.ts';
import { counted } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';

interface PruneCommand {
  readonly olderThan: number;
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly serviceAccountDir: string;
  readonly dryRun?: boolean;
}

const DEFAULT_AGE_MS = 30 * 86_400_000;
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export function registerPrune(group: Command, io: CommandIo): void {
  group
    .command('prune')
    .description('Delete ApprovalRequests of a namespace that ended long ago; never one that is pending or granted.')
    .option('--older-than <time>', 'how long ago they ended, for instance 12h or 30d', parseAge, DEFAULT_AGE_MS)
    .option('-n, --namespace <name>', 'the namespace (default: that of the ServiceAccount or of the context)')
    .option('--kubeconfig <file>', 'a kubeconfig (default: the ServiceAccount of the pod)')
    .option('--context <name>', 'the context of the kubeconfig (default: its current one)')
    .option('--service-account-dir <folder>', 'the folder with token and ca.crt', SERVICE_ACCOUNT_FOLDER)
    .option('--dry-run', 'say what would be deleted, and delete nothing')
    .addHelpText(
      'after',
      `
Examples:
  aegis-gateway approvals prune --older-than 30d                              in a CronJob
  aegis-gateway approvals prune --kubeconfig ~/.kube/config -n agents --dry-run

It takes the verbs list and delete on approvalrequests.aegis.dev, and to be the ServiceAccount that asked, or an approver.
The local store forgets by itself (approvals.retention).
Exit codes: 0 done, 1 the API server did not let some of them go, 2 wrong usage, or the API server refuses or cannot be reached.`,
    )
    .action(async (options: PruneCommand) => await prune(options, io));
}

async function prune(options: PruneCommand, io: CommandIo): Promise<void> {
  const { context, kubeconfig, namespace, olderThan, serviceAccountDir } = options;
  const access = {
    on_outage: 'hold' as const,
    service_account_dir: resolve(io.cwd, serviceAccountDir),
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(io.cwd, kubeconfig) }),
    ...(context === undefined ? {} : { context }),
  };
  const requests = new ApprovalRequests(kubernetesClient(access, io.env, io.clock), namespace ?? null);
  const dryRun = options.dryRun === true;
  const pruned = await pruneRequests(requests, { now: io.clock.now(), olderThanMs: olderThan, dryRun });
  for (const name of pruned.deleted) io.stdout(`${makeVisible(name)}\n`);
  for (const [name, problem] of pruned.refused) io.stderr(`${makeVisible(name)}: ${makeVisible(problem)}\n`);
  io.stderr(`${summaryOf(pruned, olderThan, dryRun)}\n`);
  if (pruned.refused.size > 0) io.exit(EXIT_FOUND);
}

function summaryOf({ deleted, kept, left, live }: Pruned, olderThan: number, dryRun: boolean): string {
  const parts = [
    `${counted(deleted.length, 'request')} ${dryRun ? 'would be deleted' : 'deleted'}`,
    `${live} pending or granted`,
    `${kept} ended less than ${formatDuration(olderThan)} ago`,
    ...(left.length === 0
      ? []
      : [`left alone, not readable or changed meanwhile: ${left.map((name) => makeVisible(name)).join(', ')}`]),
  ];
  return parts.join('; ');
}

function parseAge(text: string): number {
  const age = parseDuration(text);
  if (age === null) throw new InvalidArgumentError('expected a time such as 12h or 30d');
  return age;
}
