/** The host of an entry: its labels from the right, so that `com` comes first. `*` is any label. */
export interface HostPattern {
  readonly text: string;
  readonly labels: readonly string[];
  /** True for a pattern that starts with `*`, which stands for one label or more. */
  readonly open: boolean;
  /** The only port that it is for; null for every port. */
  readonly port: number | null;
}

export type ParsedHost =
  | { readonly ok: true; readonly pattern: HostPattern }
  | { readonly ok: false; readonly problem: string };

const LABEL = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?|\*)$/u;
const WITH_PORT = /^(?<host>.*?)(?::(?<port>\d{1,5}))?$/u;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/u;
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/u;

/** Reads a host pattern: `api.example.com`, `*.example.com`, `s3.*.example.com`, `*`, an IP address; `:PORT` may follow. */
export function parseHostPattern(text: string): ParsedHost {
  const { host = '', port: digits } = WITH_PORT.exec(text.toLowerCase())?.groups ?? {};
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && (port < 1 || port > 65_535)) return refused(text, 'a port from 1 to 65535');
  if (IPV6.test(host)) return { ok: true, pattern: { text, labels: [host], open: false, port } };
  const labels = host.split('.').toReversed();
  const expected = expectedInstead(host, labels);
  if (expected !== null) return refused(text, expected);
  return { ok: true, pattern: { text, labels, open: labels.at(-1) === '*', port } };
}

function expectedInstead(host: string, labels: readonly string[]): string | null {
  if (host.includes('/')) return 'a host without scheme and path';
  if (host.endsWith('.')) return 'a host without a dot at its end';
  if (!labels.every((label) => LABEL.test(label))) {
    return 'labels of letters, digits, - and _, or * for a whole label (a name in other letters in its xn-- form)';
  }
  const numeric = /^\d+$/u.test(labels[0] ?? '');
  return numeric && !labels.includes('*') && !IPV4.test(host) ? 'an IPv4 address in dotted decimal' : null;
}

function refused(text: string, expected: string): ParsedHost {
  return { ok: false, problem: `${JSON.stringify(text)} is not a host pattern; expected ${expected}` };
}

/** The labels of a canonical host from the right; an IPv6 address is one label. */
function labelsOf(host: string): readonly string[] {
  return host.startsWith('[') ? [host] : host.split('.').toReversed();
}

/** Whether a pattern covers a host and port. The index answers this for many patterns at once; this is for one. */
export function coversHost(pattern: HostPattern, host: string, port: number): boolean {
  if (pattern.port !== null && pattern.port !== port) return false;
  const labels = labelsOf(host);
  const { length } = pattern.labels;
  if (pattern.open ? labels.length < length : labels.length !== length) return false;
  return pattern.labels.every((label, index) => label === '*' || label === labels[index]);
}

interface HostNode<T> {
  readonly literals: Map<string, HostNode<T>>;
  any: HostNode<T> | null;
  /** Values of patterns that end here, by port; null is every port. */
  readonly closed: Map<number | null, T>;
  readonly open: Map<number | null, T>;
}

/** Values by host pattern, found without looking at patterns of other hosts. */
export class HostIndex<T> {
  readonly #root: HostNode<T> = emptyNode();

  /** The value of a pattern, made when there is none yet. */
  at(pattern: HostPattern, make: () => T): T {
    let node = this.#root;
    const steps = pattern.open ? pattern.labels.slice(0, -1) : pattern.labels;
    for (const label of steps) node = child(node, label);
    const values = pattern.open ? node.open : node.closed;
    const known = values.get(pattern.port);
    if (known !== undefined) return known;
    const made = make();
    values.set(pattern.port, made);
    return made;
  }

  /** The values of all patterns that cover a host, the most specific first: labels from the right, named before `*`. */
  covering(host: string, port: number): readonly T[] {
    const found: T[] = [];
    collect(this.#root, labelsOf(host), { at: 0, port, found });
    return found;
  }
}

function emptyNode<T>(): HostNode<T> {
  return { literals: new Map(), any: null, closed: new Map(), open: new Map() };
}

function child<T>(node: HostNode<T>, label: string): HostNode<T> {
  if (label === '*') {
    node.any ??= emptyNode();
    return node.any;
  }
  const known = node.literals.get(label);
  if (known !== undefined) return known;
  const made = emptyNode<T>();
  node.literals.set(label, made);
  return made;
}

interface Walk<T> {
  readonly at: number;
  readonly port: number;
  readonly found: T[];
}

function collect<T>(node: HostNode<T>, labels: readonly string[], walk: Walk<T>): void {
  const { at, port, found } = walk;
  const label = labels[at];
  if (label === undefined) {
    for (const key of [port, null]) {
      const value = node.closed.get(key);
      if (value !== undefined) found.push(value);
    }
    return;
  }
  const next = { ...walk, at: at + 1 };
  const literal = node.literals.get(label);
  if (literal !== undefined) collect(literal, labels, next);
  if (node.any !== null) collect(node.any, labels, next);
  for (const key of [port, null]) {
    const value = node.open.get(key);
    if (value !== undefined) found.push(value);
  }
}
