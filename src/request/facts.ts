import type { RequestFacts } from '../model/facts.ts';
import type { CanonicalRequest, RequestBody } from '../model/request.ts';
import type { Value, ValueMap } from '../model/value.ts';
import { decodeFormText } from './percent.ts';

/** Gathers what policy may ask of a request. */
export function requestFacts(request: CanonicalRequest, body: RequestBody): RequestFacts {
  const { scheme, host, port } = request.destination;
  const { method, path, entry } = request;
  return {
    method,
    scheme,
    host,
    port,
    path,
    entry,
    route: request.route ?? '',
    query: queryFields(request.query ?? ''),
    headers: joinedHeaders(request),
    contentType: request.contentType ?? '',
    bodyBytes: bodyBytes(request, body),
  };
}

/** Query fields by decoded name, in the order in which names first come. The escapes have been checked already. */
function queryFields(query: string): ValueMap {
  const fields = new Map<string, Value[]>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = textOf(equals === -1 ? pair : pair.slice(0, equals));
    const value = textOf(equals === -1 ? '' : pair.slice(equals + 1));
    const known = fields.get(name);
    if (known === undefined) fields.set(name, [value]);
    else known.push(value);
  }
  return new Map([...fields].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]));
}

function textOf(text: string): string {
  const decoded = decodeFormText(text);
  return decoded.ok ? decoded.text : text;
}

function joinedHeaders({ headers }: CanonicalRequest): ReadonlyMap<string, string> {
  const joined = new Map<string, string>();
  for (const { name, value } of headers) {
    const known = joined.get(name);
    joined.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return joined;
}

function bodyBytes({ framing }: CanonicalRequest, body: RequestBody): number {
  if (body.kind === 'buffered') return body.bytes.length;
  if (body.kind === 'none' || framing.kind === 'none') return 0;
  return framing.kind === 'length' ? framing.bytes : Number.MAX_SAFE_INTEGER;
}
