/** A part of a text, from `start` up to but without `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Credentials of services, by the prefixes that these document. A prefix stands at the start of a word; repeats have no
 * bound only where nothing has to follow, so that a search takes time in proportion to the text.
 */
const PREFIXED: readonly RegExp[] = [
  // GitHub, GitLab
  /gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}/u,
  /gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[\w.-]{20,}/u,
  // Slack
  /(?:xox[a-z](?:\.xox[a-z])?-|xapp-)[A-Za-z0-9-]{10,}/u,
  // Stripe; publishable keys (pk_) are public
  /[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,}/u,
  // OpenAI, Anthropic, OpenRouter
  /sk-(?:[A-Za-z0-9]{20,}|(?:proj|svcacct|admin|ant|or|None)-[\w-]{16,})/u,
  // Google
  /AIza[\w-]{35}(?![\w-])|ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,}|1\/\/0[\w-]{30,}/u,
  // Package registries
  /npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|rubygems_[a-f0-9]{48}|dckr_(?:pat|oat)_[\w-]{20,}/u,
  // Clouds and platforms
  /do[por]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|dapi[a-f0-9]{32}|hv[bs]\.[\w-]{20,}|sbp_[a-f0-9]{40}/u,
  /glsa_\w{32,}|glc_[\w=+/]{32,}|NRAK-[A-Z0-9]{27}|ATATT3[\w=-]{60,}|lin_api_[A-Za-z0-9]{32,}|ntn_[A-Za-z0-9]{40,}/u,
  // Models
  /hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,}/u,
  // Mail, telephone, payment, encryption
  /SG\.[\w-]{16,64}\.[\w-]{16,}|key-[a-f0-9]{32}|SK[a-f0-9]{32}(?!\w)|sq0(?:atp|csp)-[\w-]{22,}|EAAA[\w-]{60,}/u,
  /secret_[A-Za-z0-9]{43}|AGE-SECRET-KEY-1[A-Z0-9]{58}/u,
];

/**
 * Texts that are secrets by their own form, whatever they are called, within one long run of characters: no part of
 * them, nor what must not stand before or behind them, is anything else.
 */
export const RUN_SHAPES: readonly RegExp[] = [
  new RegExp(String.raw`(?<!\w)(?:${PREFIXED.map(({ source }) => source).join('|')})`, 'gu'),
  // Amazon Web Services
  /(?<![A-Za-z0-9])A(?:KIA|SIA|BIA|CCA|GPA|IDA|ROA|NPA|NVA|IPA)[A-Z0-9]{16}(?![A-Za-z0-9])/gu,
];

/** A form of secrets, and what every text has that has one: told faster than to search for it. */
interface Shape {
  readonly pattern: RegExp;
  readonly mayBeIn: (text: string) => boolean;
}

/** Forms of secrets that are more than one run. What the group `before` takes is no part of the secret. */
export const SHAPES: readonly Shape[] = [
  // Telegram puts the token of a bot into the path, behind "bot"
  { pattern: /(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])/gu, mayBeIn: (text) => text.includes(':AA') },
  // Incoming webhooks are secrets as a whole
  {
    pattern: /(?<before>hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/]{16,}/gu,
    mayBeIn: (text) => text.includes('hooks.slack.com/'),
  },
  {
    pattern: /(?<before>discord(?:app)?\.com\/api\/webhooks\/\d{10,25}\/)[\w-]{40,}/gu,
    mayBeIn: (text) => text.includes('.com/api/webhooks/'),
  },
  // JSON in base64: tokens of RFC 7519 and 7516, and what else hides in it
  { pattern: /(?<![\w-])eyJ[\w-]{16,}(?:\.[\w-]*){0,4}/gu, mayBeIn: (text) => text.includes('eyJ') },
  // Credentials of HTTP (RFC 9110 section 11.4); a word of letters alone is prose
  {
    pattern: /(?<![\w-])(?<before>bearer[ +]{1,4})(?=[A-Za-z]{0,64}[\d._~+/=-])[\w.~+/=-]{8,}/giu,
    mayBeIn: (text) => /bearer[ +]/i.test(text),
  },
  // User information in a URL: a password, or a user name as long as a token
  {
    pattern: /(?<before>:\/\/)(?:[^\s/?#@:"'<>]*:[^\s/?#@"'<>]+|[^\s/?#@:"'<>]{16,})(?=@)/gu,
    mayBeIn: (text) => text.includes('@') && text.includes('://'),
  },
  // A mark of this gateway in a text that came from outside: shown as it is, it would pass for a real one
  {
    pattern: /\[\s*(?:redacted|shortened)\s*sha-?256[^\][\r\n]{0,64}\]?/giu,
    mayBeIn: (text) => text.includes('[') && text.includes('256'),
  },
];

/** The length of the shortest secret that is one run. */
const MIN_RUN = 14;
/** The characters of runs, by their code. */
const IN_RUN = Uint8Array.from({ length: 128 }, (_, code) => (/[\w.+/=~-]/.test(String.fromCharCode(code)) ? 1 : 0));

/** The long runs of a text. */
function longRuns(text: string): readonly Span[] {
  const runs: Span[] = [];
  let start = 0;
  for (let at = 0; at <= text.length; at += 1) {
    if (at < text.length && IN_RUN[text.charCodeAt(at)] === 1) continue;
    if (at - start >= MIN_RUN) runs.push({ start, end: at });
    start = at + 1;
  }
  return runs;
}

function shapesInRuns(text: string): readonly Span[] {
  const spans: Span[] = [];
  for (const run of longRuns(text)) {
    const part = text.slice(run.start, run.end);
    for (const shape of RUN_SHAPES) {
      for (const { start, end } of spansOf(shape, part)) spans.push({ start: start + run.start, end: end + run.start });
    }
  }
  return spans;
}

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d:/gu;
const BASIC = /(?<![\w-])basic[ +]{1,4}([\w+/-]{6,1024}={0,2})/giu;
const CARD = /(?<![\w.-])(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)/gu;

/** Finds the secrets in a text; they may overlap. */
export function findShapes(text: string): readonly Span[] {
  const spans = [...shapesInRuns(text)];
  for (const { pattern, mayBeIn } of SHAPES) if (mayBeIn(text)) spans.push(...spansOf(pattern, text));
  spans.push(...privateKeys(text), ...basicCredentials(text), ...cards(text));
  return spans;
}

/** The matches of a pattern, each without what its group `before` takes. */
export function spansOf(pattern: RegExp, text: string): readonly Span[] {
  // Making ready to go through all matches takes longer than to see that there is none.
  return text.search(pattern) === -1 ? [] : [...text.matchAll(pattern)].map(spanOf);
}

/** A match without what its group `before` takes. */
export function spanOf(match: RegExpMatchArray): Span {
  const start = match.index ?? 0;
  return { start: start + (match.groups?.['before']?.length ?? 0), end: start + match[0].length };
}

/** A private key in PEM (RFC 7468), up to its end, or to the end of the text where that is cut off. */
function privateKeys(text: string): readonly Span[] {
  const spans: Span[] = [];
  if (!text.includes('-----BEGIN ') && !text.includes('PuTTY-')) return spans;
  let after = 0;
  for (const { index } of text.matchAll(PRIVATE_KEY)) {
    if (index < after) continue;
    const footer = text.indexOf('-----END', index);
    after = footer === -1 ? text.length : endOfFooter(text, footer);
    spans.push({ start: index, end: after });
  }
  return spans;
}

function endOfFooter(text: string, footer: number): number {
  const end = text.indexOf('-----', footer + '-----END'.length);
  return end === -1 ? text.length : end + '-----'.length;
}

/** Credentials of the Basic scheme (RFC 7617): base64 of a text with a colon. "Basic understanding" is none. */
function basicCredentials(text: string): readonly Span[] {
  const spans: Span[] = [];
  if (!/ba[sſ]ic[ +]/i.test(text)) return spans;
  for (const match of text.matchAll(BASIC)) {
    const credentials = match[1] ?? '';
    const end = match.index + match[0].length;
    const decoded = Buffer.from(credentials, 'base64').toString('utf8');
    if (decoded.includes(':') && !decoded.includes('\ufffd')) spans.push({ start: end - credentials.length, end });
  }
  return spans;
}

/** Payment card numbers (ISO/IEC 7812): issuer's prefix and length, and the check digit. */
function cards(text: string): readonly Span[] {
  if (!/\d{4}(?:[ -]?\d){4}/.test(text)) return [];
  return [...text.matchAll(CARD)]
    .filter(([digits]) => isCard(digits.replaceAll(/[ -]/gu, '')))
    .map(({ index, 0: digits }) => ({ start: index, end: index + digits.length }));
}

/** Prefixes and lengths: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay. */
const ISSUERS = new RegExp(
  [
    String.raw`^(?:4\d{15}(?:\d{3})?`,
    String.raw`5[1-5]\d{14}`,
    String.raw`2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}`,
    String.raw`3[47]\d{13}`,
    String.raw`6(?:011|5\d\d|4[4-9]\d)\d{12}`,
    String.raw`3(?:0[0-5]|[68]\d)\d{11}`,
    String.raw`35(?:2[89]|[3-8]\d)\d{12}`,
    String.raw`62\d{14,17})$`,
  ].join('|'),
  'u',
);

function isCard(digits: string): boolean {
  return ISSUERS.test(digits) && passesLuhn(digits);
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]);
    const weighted = at % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
