import type { Action, Actions } from '../model/action.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import { reads, type Entry } from './entry.ts';
import { topLevel, type Content } from './facts.ts';
import type { MapperInput } from './mapper.ts';
import { gatherParameters } from './parameters.ts';
import { fieldName, type Pointer } from './pointer.ts';
import { kindOf } from './scalar.ts';
import { locate, readParam, type Reading } from './source.ts';
import { quote } from './spelling.ts';
import { renderDescription, renderTarget, renderType } from './text-template.ts';

/** Plan rules, audit record and approver see every action; a batch that is larger is no longer read by anybody. */
export const MAX_ACTIONS_PER_REQUEST = 1_000;

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
    const action = oneAction(entry, reading, input.agentId);
    return action.ok ? passed([action.value]) : action;
  }
  const items = itemsOf(entry.each, reading);
  if (!items.ok) return items;
  const actions: Action[] = [];
  for (const item of items.value) {
    const action = oneAction(entry, { ...reading, item }, input.agentId);
    if (!action.ok) return action;
    actions.push(action.value);
  }
  const [first, ...others] = actions;
  if (first === undefined) return failed('body-mismatch', `expected a list with items at ${quote(entry.each.text)}`);
  return passed([first, ...others]);
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

function oneAction(entry: Entry, reading: Reading, agentId: string): Outcome<Action> {
  const params = paramsOf(entry, reading);
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

function paramsOf(entry: Entry, reading: Reading): Outcome<ValueMap> {
  const fixed = new Map<string, Value>(reading.captures);
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
  return entry.keepsOthers ? withOthers(entry, fixed, reading) : passed(fixed);
}

function withOthers(entry: Entry, fixed: ValueMap, { facts, content, item }: Reading): Outcome<ValueMap> {
  return gatherParameters({
    fixed,
    reserved: entry.params.map(({ name }) => name),
    query: facts.query,
    content,
    taken: { query: namesRead(entry, 'query', facts.query), body: bodyNamesRead(entry, content) },
    item: item !== undefined && isMap(item) ? unreadFields(entry, item) : new Map(),
  });
}

function unreadFields(entry: Entry, item: ValueMap): ValueMap {
  const read = namesRead(entry, 'item', item);
  return new Map([...item].filter(([name]) => !read.has(name)));
}

/** The list of an entry with `each` is in its items; showing it whole beside each of them would square its size. */
function bodyNamesRead(entry: Entry, content: Content): ReadonlySet<string> {
  const names = new Set(namesRead(entry, 'body', topLevel(content)));
  if (entry.each !== null) names.add(content.kind === 'form' ? fieldName(entry.each) : (entry.each.tokens[0] ?? ''));
  return names;
}

function namesRead(entry: Entry, kind: 'query' | 'body' | 'item', fields: ValueMap): ReadonlySet<string> {
  const declared = { ...entry, conditions: [] };
  return new Set([...fields.keys()].filter((name) => reads(declared, kind, name)));
}
