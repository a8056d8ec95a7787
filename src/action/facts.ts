import { failed, passed, type Outcome } from '../model/fault.ts';
import type { CanonicalRequest, RequestBody } from '../model/request.ts';
import { isMap, type Value, type ValueMap } from '../model/value.ts';
import { decodeFormText } from '../request/percent.ts';
import { decodePath, type DecodedPath } from './decoded-path.ts';

/** What a mapper may look at of a request, each part parsed once. */
export interface RequestFacts {
  readonly request: CanonicalRequest;
  readonly method: string;
  readonly path: DecodedPath;
  /** Query parameters: a text, or a list of texts where a name repeats. */
  readonly query: ValueMap;
  /** Header values by name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** What a mapper may look at of a body. */
export type Content =
  | { readonly kind: 'absent' }
  | { readonly kind: 'json'; readonly value: Value }
  | { readonly kind: 'form'; readonly fields: ValueMap }
  | { readonly kind: 'unreadable'; readonly why: string };

/** Parses the head of a request. Fault: bad-percent-encoding. */
export function readFacts(request: CanonicalRequest): Outcome<RequestFacts> {
  const path = decodePath(request.path);
  if (!path.ok) return path;
  const query = parseQuery(request.query ?? '');
  if (!query.ok) return query;
  const headers = new Map<string, string[]>();
  for (const { name, value } of request.headers) {
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  return passed({ request, method: request.method.toUpperCase(), path: path.value, query: query.value, headers });
}

/**
 * Parses a query as a form is written (WHATWG URL, application/x-www-form-urlencoded): `&` separates, `+` is a space,
 * a name that repeats becomes a list. Fault: bad-percent-encoding.
 */
function parseQuery(query: string): Outcome<ValueMap> {
  const found = new Map<string, string[]>();
  for (const piece of query.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = decodeFormText(equals < 0 ? piece : piece.slice(0, equals));
    if (!name.ok) return failed('bad-percent-encoding', `${name.problem} in the query`);
    const value = decodeFormText(equals < 0 ? '' : piece.slice(equals + 1));
    if (!value.ok) return failed('bad-percent-encoding', `${value.problem} in the query`);
    const earlier = found.get(name.text);
    if (earlier === undefined) found.set(name.text, [value.text]);
    else earlier.push(value.text);
  }
  return passed(new Map([...found].map(([name, values]): [string, Value] => [name, oneOrMany(values)])));
}

function oneOrMany(values: readonly string[]): Value {
  const [first = ''] = values;
  return values.length === 1 ? first : values;
}

/** What can be read of a body. */
export function contentOf(body: RequestBody): Content {
  if (body.kind === 'none') return { kind: 'absent' };
  if (body.kind === 'streamed') return { kind: 'unreadable', why: 'the body was not read' };
  const { decoded } = body;
  switch (decoded.kind) {
    case 'empty':
      return { kind: 'absent' };
    case 'json':
      return { kind: 'json', value: decoded.value };
    case 'form':
      return { kind: 'form', fields: decoded.fields };
    case 'opaque':
      return { kind: 'unreadable', why: 'the body is neither JSON nor a form' };
    default:
      return decoded satisfies never;
  }
}

/** The parameter that says that a request opens a channel: what flows through it is not judged. Empty for others. */
export function upgradeParam({ request }: RequestFacts): readonly (readonly [name: string, value: Value])[] {
  return request.upgrade === null ? [] : [['upgrade', request.upgrade]];
}

/** The named values at the top of a body; none where it has no names. */
export function topLevel(content: Content): ValueMap {
  if (content.kind === 'form') return content.fields;
  return content.kind === 'json' && isMap(content.value) ? content.value : new Map();
}
