import { canonicalText } from '../model/canonical.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import { topLevel, type Content } from './facts.ts';
import { scalarText } from './scalar.ts';
import { fold, quote } from './spelling.ts';

/** What the parameters of one action are gathered from. */
export interface ParameterSources {
  /** Named by the gateway or the map. */
  readonly fixed: ValueMap;
  /** Names that nothing else in the request can take, whether `fixed` has a value for them or not. */
  readonly reserved: Iterable<string>;
  readonly query: ValueMap;
  /** The body as far as it is shown. */
  readonly content: Content;
  /** The body whose lists are counted: the whole of it. */
  readonly counted: Content;
  /** Top-level names whose values stand in `fixed` already. */
  readonly taken: { readonly query: ReadonlySet<string>; readonly body: ReadonlySet<string> };
  /** The fields of the item, for an entry with `each`. */
  readonly item: ValueMap;
}

/** Nobody approves an action by reading more parameters; past this they only cost time (an 8 MiB body has 500,000). */
const MAX_NAMES_IN_BODY = 10_000;

/** Names that say where a value came from; a field that calls itself so is put behind its own origin. */
const ORIGIN = /^(?:path|query|header|body|item)\./u;

/**
 * Gathers all parameters of an action. What the gateway and the map name comes first, then the item's fields, then the
 * query and the body; a value whose name is taken stands under `query.NAME`, `body.NAME` or `item.NAME`. Faults:
 * `body-too-complex`, and `ambiguous-action`: query and body (or two spellings of a name) give one name different values, since which of them
 * the upstream takes cannot be known.
 */
export function gatherParameters(sources: ParameterSources): Outcome<ValueMap> {
  const { size } = topLevel(sources.counted);
  if (size > MAX_NAMES_IN_BODY) {
    return failed('body-too-complex', `${size} names at the top of the body; at most ${MAX_NAMES_IN_BODY} are judged`);
  }
  const own = ownParameters(sources);
  if (!own.ok) return own;
  const params = new Map([...own.value, ...sources.fixed]);
  const firm = new Set([...params.keys(), ...sources.reserved]);
  for (const [name, value] of sources.item) params.set(placed('item', name, firm), value);
  for (const name of sources.item.keys()) firm.add(name);
  const seen = new Map<string, Value>();
  for (const { origin, name, value } of requestValues(sources)) {
    const place = placed(origin, name, firm);
    if (place === name && !agrees(seen, name, value)) return ambiguous(name);
    if (!params.has(place)) params.set(place, value);
  }
  return passed(params);
}

interface RequestValue {
  readonly origin: 'body' | 'query';
  readonly name: string;
  readonly value: Value;
}

/** What the request names itself: the body first, since its values have types. */
function* requestValues({ content, query, taken }: ParameterSources): Generator<RequestValue> {
  for (const [name, value] of topLevel(content)) {
    if (!taken.body.has(name)) yield { origin: 'body', name, value };
  }
  for (const [name, value] of query) {
    if (!taken.query.has(name)) yield { origin: 'query', name, value };
  }
}

function placed(origin: 'query' | 'body' | 'item', name: string, firm: ReadonlySet<string>): string {
  return firm.has(name) || ORIGIN.test(name) ? `${origin}.${name}` : name;
}

/** Notes a value under its folded name; false when another value stands there. */
function agrees(seen: Map<string, Value>, name: string, value: Value): boolean {
  const folded = fold(name);
  const earlier = seen.get(folded);
  if (earlier === undefined) {
    seen.set(folded, value);
    return true;
  }
  return comparable(earlier) === comparable(value);
}

function comparable(value: Value): string {
  const text = scalarText(value);
  return text === null ? `structure ${canonicalText(value)}` : `text ${text}`;
}

function ambiguous(name: string): Outcome<never> {
  return failed(
    'ambiguous-action',
    `${quote(name)} has several values, in query and body or in two letter cases; expected it once`,
  );
}

/** The parameters that the gateway works out itself: `count`, and `body` for a body that is no object. */
function ownParameters({ query, content, counted, fixed }: ParameterSources): Outcome<ValueMap> {
  const own = new Map<string, Value>();
  if (content.kind === 'json' && !isMap(content.value)) own.set('body', content.value);
  const fields = topLevel(counted);
  const lengths = lengthsIn(counted, fields);
  if (lengths.length === 0 || fixed.has('count')) return passed(own);
  const claims = [...claimsIn(fields), ...claimsIn(query)].map(wholeNumber);
  if (claims.includes(null)) {
    return failed('ambiguous-action', 'a field "count" beside a list is not a whole number; expected one, or none');
  }
  own.set('count', largest([...lengths, ...claims.filter((claim) => claim !== null)]));
  return passed(own);
}

function lengthsIn(content: Content, fields: ValueMap): readonly bigint[] {
  if (content.kind === 'json' && isList(content.value)) return [BigInt(content.value.length)];
  return [...fields.values()].flatMap((value) => (isList(value) ? [BigInt(value.length)] : []));
}

/** What the request itself says the count is, beside a list: never let to make the count smaller. */
function claimsIn(fields: ValueMap): readonly Value[] {
  const claim = fields.get('count');
  return claim === undefined || claim === null || isList(claim) ? [] : [claim];
}

function wholeNumber(claim: Value): bigint | null {
  if (typeof claim === 'bigint') return claim;
  return typeof claim === 'string' && /^-?\d{1,18}$/u.test(claim) ? BigInt(claim) : null;
}

function largest(numbers: readonly bigint[]): bigint {
  return numbers.reduce((most, number) => (number > most ? number : most), 0n);
}
