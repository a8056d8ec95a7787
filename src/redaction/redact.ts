import type { Action } from '../model/action.ts';
import { canonicalText } from '../model/canonical.ts';
import type { Fault } from '../model/fault.ts';
import type { ActionView, RequestView } from '../model/record.ts';
import { urlOf, type CanonicalRequest, type RawHead, type RequestBody } from '../model/request.ts';
import type { Json, Value, ValueMap } from '../model/value.ts';
import { CUTS, mayFit, WHOLE } from './cuts.ts';
import { JsonForm } from './exact-json.ts';
import { judgeName, plainName } from './secret-names.ts';
import { redactText, type TextRules } from './secret-text.ts';
import { redactUrl } from './secret-url.ts';
import { cutText, isSecretFor, ValueView, type Form, type Name, type ViewRules } from './value-view.ts';

/** What redaction depends on. */
export interface RedactionSettings {
  /**
   * A keyed digest (HMAC) in hexadecimal. Without a key, anybody could find a short secret from its digest by trying.
   */
  readonly digest: (text: string) => string;
  /** Names of further parameters whose values are secrets, in any letter case. */
  readonly extraKeys: readonly string[];
}

/** Takes secrets out of what is stored and shown. The same secret always gets the same mark. */
export interface Redactor {
  /** A text, with what is secret in it by form or by the name before it replaced. */
  text(text: string): string;
  /** A URL or request target, query parameters also by name. */
  url(url: string): string;
  /** The parameters of an action, at most `maxBytes` of JSON; `first` is shown even where not all can be. */
  params(params: ValueMap, first: string | null, maxBytes: number): Json;
}

/** Parameters of one action as stored. A Kubernetes object ends at 1.5 MiB, and a human reads far less. */
export const MAX_PARAMS_BYTES = 64 * 1024;
/** Parameters of all actions of a request together: one journal line has to stay one that tools can read. */
export const MAX_ALL_PARAMS_BYTES = 256 * 1024;
/** Below this, nothing useful could be shown of an action. */
const MIN_PARAMS_BYTES = 512;
/** A single text (type, target, description, method) as stored. */
const MAX_TEXT_CHARACTERS = 1_024;
/** A URL as stored; the gateway takes 8 KiB unless told otherwise. */
const MAX_URL_CHARACTERS = 8 * 1024;
/** Enough to tell secrets apart by eye: 48 bits. */
const DIGEST_CHARACTERS = 12;

/**
 * Makes a redactor. A secret becomes `[redacted sha256:<12 hex> <n> chars]`, what is too large to store
 * `[shortened sha256:<12 hex> <n> chars]` (or `items`, `keys`) behind as much of it as fits. A text from outside that
 * looks like such a mark is itself redacted, so that every mark is the gateway's. Never throws, whatever the text.
 */
export function createRedactor(settings: RedactionSettings): Redactor {
  const extra = new Set(settings.extraKeys.map(plainName).filter((name) => name !== ''));
  const mark = (kind: string, text: string, size: string): string => {
    return `[${kind} sha256:${settings.digest(text).slice(0, DIGEST_CHARACTERS)} ${size}]`;
  };
  const nameOf = remembered((name) => ({ verdict: judgeName(name, extra), clean: isClean(name, textRules) }));
  const textRules: TextRules = {
    isSecret: (name, text) => isSecretFor(nameOf(name).verdict, text),
    mark: (secret) => mark('redacted', secret, `${secret.length} chars`),
    value: (value, depth) => {
      const view = new ValueView(viewRules, { cut: WHOLE, depth, form: VALUES });
      const shown = view.value(value);
      return view.changed ? shown : value;
    },
  };
  const viewRules: ViewRules = {
    nameOf,
    text: (text, depth) => redactText(text, textRules, depth),
    secret: textRules.mark,
    shortened: (text, size) => mark('shortened', text, size),
  };
  const { shortened } = viewRules;
  return {
    text: (text) => cutText(text, MAX_TEXT_CHARACTERS, { shortened, text: (part) => redactText(part, textRules) }),
    url: (url) => cutText(url, MAX_URL_CHARACTERS, { shortened, text: (part) => redactUrl(part, textRules) }),
    params: (params, first, maxBytes) => paramsWithin({ params, first, maxBytes, rules: viewRules }),
  };
}

/** Names that are remembered with what was made of them: a tool's requests use the same few. */
const MAX_REMEMBERED_NAMES = 2_000;
const MAX_REMEMBERED_CHARACTERS = 64;

/** Looks at each name once, as long as there are not too many. */
function remembered(look: (name: string) => Name): (name: string) => Name {
  const known = new Map<string, Name>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const name = look(text);
    if (known.size >= MAX_REMEMBERED_NAMES) known.clear();
    if (text.length <= MAX_REMEMBERED_CHARACTERS) known.set(text, name);
    return name;
  };
}

/** Names of such characters hold no text of another kind, so that what is found in one does not depend on the depth. */
const ORDINARY_NAME = /^[\w.-]*$/;

/** Whether a name can be shown as it is, wherever it stands. */
function isClean(name: string, rules: TextRules): boolean {
  if (name.length > MAX_REMEMBERED_CHARACTERS || !ORDINARY_NAME.test(name)) return false;
  return redactText(name, rules) === name;
}

/** Values from values. */
const VALUES: Form<Value> = {
  scalar: (value) => value,
  list: (items) => items,
  map: (keys, members) => new Map(keys.map((key, at) => [key, members[at] ?? null])),
};

interface ParamsAsk {
  readonly params: ValueMap;
  readonly first: string | null;
  readonly maxBytes: number;
  readonly rules: ViewRules;
}

/** Cuts as little as it takes to stay within the bound. */
function paramsWithin({ params, first, maxBytes, rules }: ParamsAsk): Json {
  for (const cut of CUTS) {
    if (!mayFit(params, cut, maxBytes)) continue;
    const form = new JsonForm();
    const json = new ValueView(rules, { cut, depth: 0, form }).params(params, first);
    if (form.mostBytes <= maxBytes || Buffer.byteLength(JSON.stringify(json)) <= maxBytes) return json;
  }
  return { [rules.shortened(canonicalText(params), `${params.size} keys`)]: null };
}

/** The actions of a request as they may be stored and shown. */
export function redactActions(actions: readonly Action[], redactor: Redactor): readonly ActionView[] {
  const share = Math.floor(MAX_ALL_PARAMS_BYTES / Math.max(1, actions.length));
  const maxBytes = Math.min(MAX_PARAMS_BYTES, Math.max(MIN_PARAMS_BYTES, share));
  return actions.map((action) => ({
    type: redactor.text(action.type),
    target: redactor.text(action.target),
    params: redactor.params(action.params, action.amountParam, maxBytes),
    description: redactor.text(action.description),
    effect: action.effect,
    amountParam: action.amountParam,
    mappedBy: action.mappedBy,
  }));
}

/** A fault as it may be stored and shown: its detail quotes what was found, and a key of a body can be a secret too. */
export function redactFault({ code, detail }: Fault, redactor: Redactor): Fault {
  return { code, detail: redactor.text(detail) };
}

/** A request as it may be stored and shown. `body` is null where it was not read. */
export function redactRequest(request: CanonicalRequest, body: RequestBody | null, redactor: Redactor): RequestView {
  return {
    entry: request.entry,
    route: request.route,
    method: request.method,
    url: redactor.url(urlOf(request)),
    bodyDigest: body?.kind === 'buffered' ? body.digest : null,
    bodyBytes: bytesOf(body),
  };
}

function bytesOf(body: RequestBody | null): number | null {
  if (body?.kind === 'buffered') return body.bytes.length;
  return body?.kind === 'none' ? 0 : null;
}

/** What can be stored of a request that could not be read: method and target as sent, without what is secret in them. */
export function redactRawHead(head: RawHead, redactor: Redactor): RequestView {
  const { entry, method, target } = head;
  return {
    entry,
    route: null,
    method: redactor.text(method),
    url: redactor.url(target),
    bodyDigest: null,
    bodyBytes: null,
  };
}
