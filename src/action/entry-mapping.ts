import type { Action, Actions } from '../model/action.ts';
import { canonicalText } from '../model/canonical.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import type { Entry } from './entry.ts';
import { upgradeParam, type Content } from './facts.ts';
import type { MapperInput } from './mapper.ts';
import { gatherParameters } from './parameters.ts';
import { fieldName, type Pointer } from './pointer.ts';
import { kindOf } from './scalar.ts';
import { locate, readParam, type Reading } from './source.ts';
import { quote } from './spelling.ts';
import { renderDescription, renderTarget, renderType } from './text-template.ts';

/** Plan rules, audit record and approver see every action; a batch that is larger is no longer read by anybody. */
const MAX_ACTIONS_PER_REQUEST = 1_000;

/**
 * What stands beside the list of `each` is a parameter of every action, so that its size is multiplied. This is what a
 * body may come to in all: as much as one body that is judged.
 */
const MAX_REPEATED_CHARS = 8 * 1024 * 1024;

const NOTHING: Content = { kind: 'absent' };

/** The actions of a request that an entry is for: one, or one for each item of the list that it names. */
export function entryActions(
  entry: Entry,
  captures: ReadonlyMap<string, string>,
  input: MapperInput,
): Outcome<Actions> {
  const content = entry.streams ? NOTHING : input.content;
  const reading: Reading = { facts: input.facts, content, captures, item: undefined };
  if (entry.each === null) {
    const action = oneAction(entry, { reading, shown: content, agentId: input.agentId });
    return action.ok ? passed([action.value]) : action;
  }
  const items = itemsOf(entry.each, reading);
  if (!items.ok) return items;
  const shown = withoutList(content, entry.each);
  const repeated = sizeOf(shown) * items.value.length;
  if (repeated > MAX_REPEATED_CHARS) {
    const detail = `what stands beside the list at ${quote(entry.each.text)} is repeated in every action: ${repeated} characters`;
    return failed('body-too-complex', `${detail}; at most ${MAX_REPEATED_CHARS} are judged`);
  }
  const actions: Action[] = [];
  for (const item of items.value) {
    const action = oneAction(entry, { reading: { ...reading, item }, shown, agentId: input.agentId });
    if (!action.ok) return action;
    actions.push(action.value);
  }
  const [first, ...others] = actions;
  if (first === undefined) return failed('body-mismatch', `expected a list with items at ${quote(entry.each.text)}`);
  return passed([first, ...others]);
}

function sizeOf(content: Content): number {
  if (content.kind === 'json') return canonicalText(content.value).length;
  return content.kind === 'form' ? canonicalText(content.fields).length : 0;
}

/** What one action is made of. */
interface Making {
  readonly reading: Reading;
  /** The body as far as it is shown beside what the entry reads. */
  readonly shown: Content;
  readonly agentId: string;
}

/** The body without the list of `each`: it is in its items, and showing it beside each of them would square its size. */
function withoutList(content: Content, each: Pointer): Content {
  if (content.kind === 'json') {
    const value = without(content.value, each.tokens);
    return value === undefined ? NOTHING : { kind: 'json', value };
  }
  if (content.kind !== 'form') return content;
  const names = [fieldName(each), `${fieldName(each)}[]`];
  return { kind: 'form', fields: new Map([...content.fields].filter(([name]) => !names.includes(name))) };
}

function without(value: Value, tokens: readonly string[]): Value | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined) return undefined;
  if (!isMap(value)) return value;
  const kept = new Map(value);
  const inner = without(value.get(token) ?? null, rest);
  if (inner === undefined) kept.delete(token);
  else kept.set(token, inner);
  return kept;
}

function itemsOf(each: Pointer, reading: Reading): Outcome<readonly Value[]> {
  const found = locate({ kind: 'body', pointer: each }, reading, true);
  if (!found.ok) return found;
  const { values, textual } = found.value;
  const [first = null] = values;
  const items = textual ? values : first;
  if (!isList(items)) {
    return failed('body-mismatch', `expected a list at ${quote(each.text)} of the body, found ${kindOf(items)}`);
  }
  if (items.length <= MAX_ACTIONS_PER_REQUEST) return passed(items);
  return failed(
    'body-too-complex',
    `${items.length} actions in one request; at most ${MAX_ACTIONS_PER_REQUEST} are judged`,
  );
}

function oneAction(entry: Entry, making: Making): Outcome<Action> {
  const { reading, agentId } = making;
  const params = paramsOf(entry, making);
  if (!params.ok) return params;
  const type = renderType(entry.type, params.value);
  if (!type.ok) return type;
  const host = reading.facts.request.destination.host;
  const target = entry.target === null ? passed<string>(host) : renderTarget(entry.target, params.value);
  if (!target.ok) return target;
  return passed({
    type: type.value,
    target: target.value,
    params: params.value,
    description: renderDescription(entry.description, params.value),
    agentId,
    effect: entry.effect,
    amountParam: entry.amountParam,
    mappedBy: entry.at,
  });
}

function paramsOf(entry: Entry, making: Making): Outcome<ValueMap> {
  const { reading } = making;
  const fixed = new Map<string, Value>([...upgradeParam(reading.facts), ...reading.captures]);
  for (const { name, sources } of entry.params) {
    const value = readParam(name, sources, reading);
    if (!value.ok) return value;
    if (value.value !== undefined) fixed.set(name, value.value);
  }
  for (const name of entry.required) {
    if ((fixed.get(name) ?? null) === null) {
      return failed(
        'body-mismatch',
        `the action map requires parameter ${quote(name)}, and the request does not give it`,
      );
    }
  }
  return entry.keepsOthers ? withOthers(entry, fixed, making) : passed(fixed);
}

function withOthers({ params, namesRead }: Entry, fixed: ValueMap, { reading, shown }: Making): Outcome<ValueMap> {
  const { item, facts, content } = reading;
  return gatherParameters({
    fixed,
    reserved: params.map(({ name }) => name),
    query: facts.query,
    content: shown,
    counted: content,
    taken: { query: namesRead.query, body: content.kind === 'form' ? namesRead.form : namesRead.json },
    item: item !== undefined && isMap(item) ? unread(item, namesRead.item) : new Map(),
  });
}

function unread(item: ValueMap, names: ReadonlySet<string>): ValueMap {
  return new Map([...item].filter(([name]) => !names.has(name)));
}
