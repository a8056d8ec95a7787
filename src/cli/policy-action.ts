import { InvalidArgumentError } from 'commander';
import { readJson } from '../document/json.ts';
import type { Action } from '../model/action.ts';
import type { Value } from '../model/value.ts';
import { CaseError, readAction } from '../policy/case-action.ts';
import { parseInstant } from '../policy/test-file-schema.ts';
import { readOrFail } from './policy-files.ts';

/** An action on the command line: a file, or its parts. */
export interface ActionOptions {
  readonly action?: string;
  readonly type?: string;
  readonly target: string;
  readonly param: ReadonlyMap<string, Value>;
  readonly agent: string;
  readonly description: string;
}

/** More nesting or values than this is no action that somebody asks about by hand. */
const ACTION_LIMITS = { maxDepth: 64, maxValues: 100_000 };

/** Adds `name=value` to the parameters given so far; the value is JSON where it reads as such, and text elsewhere. */
export function collectParam(text: string, given: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('expected NAME=VALUE, such as amount=25');
  const [name, written] = [text.slice(0, split), text.slice(split + 1)];
  if (given.has(name)) throw new InvalidArgumentError(`the parameter ${JSON.stringify(name)} is given twice`);
  const read = readJson(written, ACTION_LIMITS);
  return new Map([...given, [name, read.ok ? read.value : written]]);
}

/** An instant as milliseconds since the epoch. */
export function readNow(text: string): number {
  const now = parseInstant(text);
  if (now === null) throw new InvalidArgumentError('expected a time with its zone, such as 2026-03-20T03:00:00Z');
  return now;
}

/** The action that is asked about. Throws what ends the command as wrong usage. */
export async function actionOf(options: ActionOptions, folder: string): Promise<Action> {
  const { action: path, type, target, param, agent, description } = options;
  if (path === undefined) {
    if (type === undefined) throw new Error('expected --type (and --target, --param, ...), or --action FILE.json');
    return {
      type,
      target,
      params: param,
      description,
      agentId: agent,
      effect: null,
      amountParam: null,
      mappedBy: null,
    };
  }
  if (type !== undefined || param.size > 0) throw new Error('expected either --action or --type and --param, not both');
  const [file] = await readOrFail([path], folder);
  const read = readJson(file?.text ?? '', ACTION_LIMITS);
  if (!read.ok) throw new Error(`${path}: expected a JSON object with type and target: ${read.message}`);
  try {
    return readAction(read.value, path);
  } catch (error) {
    if (error instanceof CaseError) throw new Error(error.message, { cause: error });
    throw error;
  }
}
