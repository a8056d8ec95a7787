import type { Command } from 'commander';
import type { CommandIo } from './io.ts';
import { registerPolicyDecide } from './policy-decide.ts';
import { registerPolicyDiff } from './policy-diff.ts';
import { registerPolicyExplain } from './policy-explain.ts';
import { registerPolicyLint } from './policy-lint.ts';
import { registerPolicyTest } from './policy-test.ts';
import { registerPolicyValidate } from './policy-validate.ts';

/** Commands on policies: what they decide, and whether that is what their authors mean. */
export function registerPolicy(program: Command, io: CommandIo): void {
  const group = program
    .command('policy')
    .description('Check policies, test them, compare them, and see why they decide as they do.')
    .addHelpText(
      'after',
      `
Examples:
  aegis-gateway policy validate policies/*.yaml
  aegis-gateway policy lint policies/*.yaml
  aegis-gateway policy test policies/devops-agent.yaml --min-coverage 100
  aegis-gateway policy explain --policy policies/devops-agent.yaml --type deploy --target production --now 2026-03-20T03:00:00Z
  aegis-gateway policy diff old.yaml new.yaml --fail-on loosened`,
    );
  registerPolicyValidate(group, io);
  registerPolicyLint(group, io);
  registerPolicyTest(group, io);
  registerPolicyExplain(group, io);
  registerPolicyDiff(group, io);
  registerPolicyDecide(group, io);
}
