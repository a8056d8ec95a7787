/** A part of a text, from `start` up to but without `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Texts that are secrets by their own form, whatever they are called. Every pattern starts with a literal or a boundary
 * that lets a run of characters be tried once, and repeats without a bound only where nothing has to follow, so that a
 * search takes time in proportion to the text. Named group `secret`: only that part is one.
 */
const SHAPES: readonly RegExp[] = [
  // Amazon Web Services
  /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}(?![A-Za-z0-9])/gu,
  // GitHub, GitLab
  /(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})/gu,
  /(?<!\w)gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[\w.-]{20,}/gu,
  // Slack
  /(?<!\w)(?:xox[a-z](?:\.xox[a-z])?-|xapp-)[A-Za-z0-9-]{10,}/gu,
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/(?<secret>[\w/]{16,})/gu,
  // Stripe; publishable keys (pk_) are public
  /(?<!\w)(?:[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})/gu,
  // OpenAI, Anthropic, OpenRouter
  /(?<!\w)sk-(?:[A-Za-z0-9]{20,}|(?:proj|svcacct|admin|ant|or|None)-[\w-]{16,})/gu,
  // Google
  /(?<![\w-])AIza[\w-]{35}(?![\w-])/gu,
  /(?<!\w)(?:ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,})/gu,
  /(?<![\w/])1\/\/0[\w-]{30,}/gu,
  // Further services, by the prefixes that they document
  /(?<!\w)(?:hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|rubygems_[a-f0-9]{48}|dckr_(?:pat|oat)_[\w-]{20,})/gu,
  /(?<!\w)SG\.[\w-]{16,64}\.[\w-]{16,}/gu,
  /(?<!\w)(?:do[por]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|dapi[a-f0-9]{32}|hv[bs]\.[\w-]{20,})/gu,
  /(?<!\w)(?:lin_api_[A-Za-z0-9]{32,}|ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,})/gu,
  /(?<!\w)(?:glsa_\w{32,}|glc_[\w=+/]{32,}|NRAK-[A-Z0-9]{27}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,}|sbp_[a-f0-9]{40})/gu,
  /(?<!\w)(?:ATATT3[\w=-]{60,}|AGE-SECRET-KEY-1[A-Z0-9]{58}|sq0(?:atp|csp)-[\w-]{22,}|EAAA[\w-]{60,}|key-[a-f0-9]{32})/gu,
  /(?<![A-Za-z0-9])(?:SK[a-f0-9]{32}|\d{8,10}:AA[\w-]{33})(?![A-Za-z0-9])/gu,
  /discord(?:app)?\.com\/api\/webhooks\/\d{10,25}\/(?<secret>[\w-]{40,})/gu,
  // JSON in base64: tokens of RFC 7519 and 7516, and what else hides in it
  /(?<![\w-])eyJ[\w-]{16,}(?:\.[\w-]*){0,4}/gu,
  // Credentials of HTTP (RFC 9110 section 11.4); a word of letters alone is prose
  /(?<![\w-])bearer[ +]{1,4}(?<secret>(?=[A-Za-z]{0,64}[\d._~+/=-])[\w.~+/=-]{8,})/giu,
  // User information in a URL: a password, or a user name as long as a token
  /:\/\/(?<secret>[^\s/?#@:"'<>]*:[^\s/?#@"'<>]+|[^\s/?#@:"'<>]{16,})@/gu,
  // A mark of this gateway in a text that came from outside: shown as it is, it would pass for a real one
  /\[(?:redacted|shortened) sha256:/gu,
];

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d:/gu;
const BASIC = /(?<![\w-])basic[ +]{1,4}([\w+/-]{6,1024}={0,2})/giu;
const CARD = /(?<![\w.-])(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)/gu;

/** Finds the secrets in a text, in order of their start; they may overlap. */
export function findShapes(text: string): readonly Span[] {
  const spans = SHAPES.flatMap((shape) => [...text.matchAll(withIndices(shape))].map(spanOf));
  spans.push(...privateKeys(text), ...basicCredentials(text), ...cards(text));
  return spans.sort((left, right) => left.start - right.start);
}

function withIndices(shape: RegExp): RegExp {
  return new RegExp(shape.source, `${shape.flags}d`);
}

function spanOf(match: RegExpExecArray | RegExpMatchArray): Span {
  const [start, end] = match.indices?.groups?.['secret'] ?? match.indices?.[0] ?? [0, 0];
  return { start, end };
}

/** A private key in PEM (RFC 7468), up to its end, or to the end of the text where that is cut off. */
function privateKeys(text: string): readonly Span[] {
  const spans: Span[] = [];
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
