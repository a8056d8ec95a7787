import type { Command } from 'commander';
import { registerActionsExplain } from './actions-explain.ts';
import { registerActionsTest } from './actions-test.ts';
import { registerActionsValidate } from './actions-validate.ts';
import type { CommandIo } from './io.ts';

/** Commands on action maps: what a request means. */
export function registerActions(program: Command, io: CommandIo): void {
  const group = program
    .command('actions')
    .description('Check action maps, test them, and see which action a request is.')
    .addHelpText(
      'after',
      `
Examples:
  aegis-gateway actions validate actions.yaml
  aegis-gateway actions test actions.test.yaml
  aegis-gateway actions explain --map actions.yaml --method DELETE --url https://api.github.com/repos/o/r`,
    );
  registerActionsValidate(group, io);
  registerActionsTest(group, io);
  registerActionsExplain(group, io);
}
