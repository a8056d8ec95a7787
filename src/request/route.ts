import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Destination } from '../model/request.ts';
import { defaultPortOf, parseHost } from './host.ts';
import { canonicalPath } from './path.ts';

/** A configured route, as far as reading a request needs it. */
export interface RouteSettings {
  /** `basePath` is put before the rest of the path: empty, or a path that starts with `/`. */
  readonly upstream: Destination & { readonly basePath: string };
}

/**
 * Puts the path that follows `/routes/NAME` behind the path of the upstream. A route called without more is its
 * upstream's path exactly as configured, with or without a final slash, so that a webhook URL can be a route.
 */
export function joinPath(basePath: string, rest: string): string {
  if (rest === '/') return basePath === '' ? '/' : basePath;
  return `${basePath.replace(/\/$/u, '')}${rest}`;
}

/**
 * The upstream of a route from its configured URL, which must be in a spelling that requests are held to. Faults:
 * unsupported-scheme, and those of hosts and paths.
 */
export function upstreamOf(url: URL): Outcome<RouteSettings['upstream']> {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  if (url.protocol !== `${scheme}:`) return failed('unsupported-scheme', 'expected an http or https URL');
  const host = parseHost(url.hostname);
  if (!host.ok) return host;
  const basePath = canonicalPath(url.pathname);
  if (!basePath.ok) return basePath;
  const port = url.port === '' ? defaultPortOf(scheme) : Number(url.port);
  return passed({ scheme, host: host.value, port, basePath: basePath.value });
}
