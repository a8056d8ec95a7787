import type { ActionMap } from '../../../src/action/action-map.ts';
import { classify } from '../../../src/action/classify.ts';
import { loadActionMap } from '../../../src/action/load.ts';
import type { Action } from '../../../src/model/action.ts';
import type { Digest, Host } from '../../../src/model/brand.ts';
import type { Outcome } from '../../../src/model/fault.ts';
import type { CanonicalRequest, DecodedBody, RequestBody } from '../../../src/model/request.ts';
import { Decimal, isList, isMap, type Value } from '../../../src/model/value.ts';

function isHost(text: string): text is Host {
  return text.length > 0;
}

function host(text: string): Host {
  if (!isHost(text)) throw new Error('a test without a host');
  return text;
}

function isDigest(text: string): text is Digest {
  return text.length === 64;
}

function digest(text: string): Digest {
  if (!isDigest(text)) throw new Error('a test without a digest');
  return text;
}

/** A canonical request as the request stage would give it. */
export function request(method: string, url: string, fields: Partial<CanonicalRequest> = {}): CanonicalRequest {
  const parts =
    /^(?<scheme>https?):\/\/(?<host>\[[^\]]*\]|[^/:]*)(?::(?<port>\d+))?(?<path>\/[^?]*)(?:\?(?<query>.*))?$/u.exec(
      url,
    )?.groups;
  if (parts === undefined) throw new Error(`not a URL of a test: ${url}`);
  const scheme = parts['scheme'] === 'http' ? 'http' : 'https';
  return {
    entry: 'forward-proxy',
    route: null,
    method,
    destination: {
      scheme,
      host: host(parts['host'] ?? ''),
      port: Number(parts['port'] ?? (scheme === 'https' ? 443 : 80)),
    },
    path: parts['path'] ?? '/',
    query: parts['query'] ?? null,
    headers: [],
    framing: { kind: 'none' },
    contentType: null,
    contentCodings: [],
    upgrade: null,
    expectsContinue: false,
    ...fields,
  };
}

export const noBody: RequestBody = { kind: 'none' };

function buffered(decoded: DecodedBody): RequestBody {
  return { kind: 'buffered', bytes: new Uint8Array(), digest: digest('0'.repeat(64)), decoded };
}

export const opaque = buffered({ kind: 'opaque' });
export const streamed: RequestBody = { kind: 'streamed' };

/** A body of JSON, written as a value of JavaScript; whole numbers become exact, fractions keep their text. */
export function json(value: unknown): RequestBody {
  return buffered({ kind: 'json', value: toValue(value) });
}

export function form(fields: { readonly [name: string]: string | readonly string[] }): RequestBody {
  return buffered({ kind: 'form', fields: new Map(Object.entries(fields)) });
}

function toValue(value: unknown): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint')
    return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : new Decimal(value, String(value));
  if (Array.isArray(value)) return value.map(toValue);
  if (typeof value !== 'object') throw new TypeError('not a value of JSON');
  return new Map(Object.entries(value).map(([key, item]): [string, Value] => [key, toValue(item)]));
}

/** A value as plain data, for comparisons: whole numbers as numbers, fractions as `{decimal}`. */
export function plain(value: Value): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Decimal) return { decimal: value.text };
  if (isList(value)) return value.map(plain);
  if (isMap(value)) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}

export function mapOf(...texts: readonly string[]): ActionMap {
  const loaded = loadActionMap(texts.map((text, index) => ({ file: `map${index}.yaml`, text })));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes, null, 2));
  return loaded.value;
}

export const EMPTY = mapOf();

/** The one action of a request that must have one. */
export function actionOf(map: ActionMap, sent: CanonicalRequest, body: RequestBody = noBody): Action {
  const outcome = classify(map, sent, body, 'agent-1');
  if (!outcome.ok) throw new Error(`${outcome.fault.code}: ${outcome.fault.detail}`);
  if (outcome.value.length !== 1) throw new Error(`expected one action, found ${outcome.value.length}`);
  return outcome.value[0];
}

export function paramsOf(map: ActionMap, sent: CanonicalRequest, body: RequestBody = noBody): unknown {
  return plain(actionOf(map, sent, body).params);
}

/** `type target` of the action, or the code of the fault. */
export function verdictOf(map: ActionMap, sent: CanonicalRequest, body: RequestBody = noBody): string {
  return verdict(classify(map, sent, body, 'agent-1'));
}

export function verdict(outcome: Outcome<readonly Action[]>): string {
  return outcome.ok ? outcome.value.map(({ type, target }) => `${type} ${target}`).join(', ') : outcome.fault.code;
}
