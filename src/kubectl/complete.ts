import { Command } from 'commander';
import { columnsOf, visibleCell } from '../visible/cell.ts';
import { addConnectionFlags, asCommander, flagHelp, flagsWithValue } from './connection-flags.ts';
import { contextOf, type PluginContext } from './context.ts';
import { KubectlError } from './kubectl-error.ts';
import { bareName } from './named.ts';
import { FORMS } from './output.ts';
import { pendingOnly } from './pending-page.ts';
import type { PluginIo } from './plugin-io.ts';
import { isReadable, type SeenRequest } from './seen-request.ts';

/** What can be typed, and what it says of itself. */
type Choices = ReadonlyMap<string, string>;

/** What was typed so far. */
interface Typed {
  readonly command: string | null;
  readonly operands: readonly string[];
  /** The flag whose value is being typed; null when it is none. */
  readonly flag: string | null;
  readonly word: string;
}

/** `:4` says that files are no answer (cobra's ShellCompDirectiveNoFileComp). */
const NO_FILES = ':4';
/** A shell that waits is worse than one that completes nothing. */
const TIMEOUT = '--request-timeout=3s';
const DESCRIPTION_COLUMNS = 60;
const TAKE_NAMES = new Set(['show', 'explain', 'approve', 'deny']);
const TAKE_PENDING = new Set(['approve', 'deny']);
const SHELLS: Choices = new Map(['kubectl', 'bash', 'zsh', 'fish'].map((name) => [name, '']));

/** Prints what may follow the words, of which the last is being typed, as cobra's programs do for `__complete`. */
export async function complete(words: readonly string[], program: Command, io: PluginIo): Promise<void> {
  const typed = typedOf(words, program);
  const choices = await choicesFor(typed, words, { program, io });
  for (const [choice, description] of choices) {
    if (!choice.startsWith(typed.word)) continue;
    io.stdout(description === '' ? `${choice}\n` : `${choice}\t${description}\n`);
  }
  io.stdout(`${NO_FILES}\n`);
}

function typedOf(words: readonly string[], program: Command): Typed {
  const operands: string[] = [];
  const withValue = new Set([...flagsWithValue().keys(), ...valueFlagsOf(program)]);
  let flag: string | null = null;
  for (const word of words.slice(0, -1)) {
    if (flag !== null) flag = null;
    else if (withValue.has(word)) flag = word;
    else if (!word.startsWith('-')) operands.push(word);
  }
  const [command = null, ...rest] = operands;
  return { command, operands: rest, flag, word: words.at(-1) ?? '' };
}

function valueFlagsOf(program: Command): readonly string[] {
  return program.commands.flatMap(({ options }) =>
    options.filter(({ required }) => required).flatMap(({ long, short }) => [long ?? '', short ?? '']),
  );
}

async function choicesFor(
  typed: Typed,
  words: readonly string[],
  { io, program }: { readonly program: Command; readonly io: PluginIo },
): Promise<Choices> {
  const command = program.commands.find((one) => one.name() === typed.command);
  if (typed.flag !== null) return valuesOf(typed.flag);
  if (typed.word.startsWith('-')) {
    const own = (command?.options ?? []).map(({ description, long }) => [long ?? '', description] as const);
    return new Map([...own, ...flagHelp()]);
  }
  if (command === undefined) {
    return new Map(typed.command === null ? program.commands.map((one) => [one.name(), one.description()]) : []);
  }
  if (command.name() === 'completion') return typed.operands.length === 0 ? SHELLS : new Map();
  if (!TAKE_NAMES.has(command.name())) return new Map();
  return await namesFor(typed, contextFor(words, io));
}

function valuesOf(flag: string): Choices {
  return new Map(flag === '-o' || flag === '--output' ? FORMS.map((form) => [form, '']) : []);
}

/** The flags that were typed say which API server to ask. */
function contextFor(words: readonly string[], io: PluginIo): PluginContext {
  const flags = new Command().allowUnknownOption();
  addConnectionFlags(flags);
  flags.parseOptions([TIMEOUT, ...asCommander(words.slice(0, -1))]);
  return contextOf(flags, io, () => undefined);
}

async function namesFor({ command, operands }: Typed, context: PluginContext): Promise<Choices> {
  try {
    const where = { kind: 'namespace', namespace: await context.namespace() } as const;
    const onlyPending = TAKE_PENDING.has(command ?? '');
    const { requests } = await context.requests.list(where, onlyPending);
    const found = onlyPending ? pendingOnly(requests) : requests.filter(isReadable);
    const taken = new Set(operands.map(bareName));
    return new Map(found.filter(({ name }) => !taken.has(name)).map((seen) => [seen.name, descriptionOf(seen)]));
  } catch (error) {
    if (error instanceof KubectlError) return new Map();
    throw error;
  }
}

function descriptionOf({ record }: SeenRequest): string {
  const { actions, riskLevel } = record.ask;
  const [first] = actions;
  const head = `${record.phase}, ${riskLevel}: `;
  const more = actions.length > 1 ? ` (+${actions.length - 1} more)` : '';
  const room = DESCRIPTION_COLUMNS - columnsOf(head) - columnsOf(more);
  return head + visibleCell(`${first?.type ?? ''} ${first?.target ?? ''}`, room) + more;
}
