/** Words that make a name one of a secret, wherever they stand in it. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  'accesskey',
  'accesstoken',
  'apikey',
  'apitoken',
  'assertion',
  'authorization',
  'authtoken',
  'bearer',
  'clientsecret',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'creds',
  'csrf',
  'cvc',
  'cvv',
  'cvv2',
  'jsessionid',
  'jwt',
  'mnemonic',
  'otp',
  'passcode',
  'passphrase',
  'passwd',
  'password',
  'passwords',
  'phpsessid',
  'privatekey',
  'pwd',
  'refreshtoken',
  'samlresponse',
  'secret',
  'secretkey',
  'secrets',
  'sessid',
  'sessionid',
  'sessionkey',
  'sessiontoken',
  'sig',
  'signature',
  'signingkey',
  'token',
  'totp',
  'xsrf',
]);

/** Pairs of words that do the same when they follow one another. */
const SECRET_PAIRS: ReadonlySet<string> = new Set(
  [
    'access key',
    'account key',
    'admin pass',
    'api key',
    'api keys',
    'auth code',
    'authorization code',
    'basic auth',
    'client assertion',
    'code verifier',
    'connection string',
    'db pass',
    'deploy key',
    'encryption key',
    'ftp pass',
    'hmac key',
    'host key',
    'license key',
    'login pass',
    'master key',
    'pass phrase',
    'pin code',
    'private key',
    'proxy auth',
    'recovery code',
    'recovery codes',
    'root pass',
    'saml response',
    'secret key',
    'security code',
    'seed phrase',
    'service key',
    'session data',
    'session id',
    'session key',
    'shared key',
    'signing key',
    'smtp pass',
    'ssh key',
    'storage key',
    'user pass',
    'verification code',
    'webhook key',
  ].map((pair) => pair.replace(' ', '\0')),
);

/** Whole names that are secrets though their words elsewhere are not. */
const SECRET_NAMES: ReadonlySet<string> = new Set(['auth', 'pass', 'pin', 'session', 'sid', 'x-auth', 'connect.sid']);

/** Last words that turn the name of a secret into one of something about it. */
const DESCRIPTIONS: ReadonlySet<string> = new Set(
  (
    'age algorithm at audience banner budget bucket category changed class consent cost count created date days description ' +
    'domain duration enabled endpoint expiration expires expiry field format hours issuer kind label length lifetime limit ' +
    'limits location manager max method min minutes mode name names owner page path policy provider purpose ref reference ' +
    'region required reset reused rotation rules scope scopes seconds size source state status strength title total ttl type ' +
    'types updated uri url usage used version'
  ).split(' '),
);

/** First words of names that count something. */
const QUANTITIES: ReadonlySet<string> = new Set(['max', 'min', 'num', 'number', 'total', 'count', 'avg', 'n']);

/** A part of every name above: most names need no closer look. */
const MAY_BE_SECRET =
  /assert|auth|bearer|code|cookie|cred|csrf|cv[cv]|jwt|key|mnemonic|otp|pass|phrase|pin|pwd|saml|secret|sess|sid|sig|string|token|xsrf/iu;
/** Characters that may stand for ASCII ones, such as fullwidth letters. */
const NOT_ASCII = /\P{ASCII}/u;

/** Longer names are no names; the words of one are looked at in time in proportion to it. */
const MAX_NAME_CHARACTERS = 256;

/** How much of a value a name makes secret. */
export type NameVerdict =
  | 'plain'
  /** Texts that are no numbers: `tokens` holds a count as often as a list of tokens. */
  | 'texts'
  /** Everything but true, false and null. */
  | 'all';

/** Whether a name, such as a key, a query parameter or a flag, says that its value is secret. */
export function judgeName(name: string, extra: ReadonlySet<string>): NameVerdict {
  if (extra.size === 0 && !MAY_BE_SECRET.test(name) && !NOT_ASCII.test(name)) return 'plain';
  const end = name.slice(-MAX_NAME_CHARACTERS);
  const words = wordsOf(end);
  if (SECRET_NAMES.has(end.toLowerCase()) || extra.has(words.join(''))) return 'all';
  return judgeWords(words);
}

function judgeWords(words: readonly string[]): NameVerdict {
  const last = words.at(-1) ?? '';
  if (QUANTITIES.has(words[0] ?? '') || DESCRIPTIONS.has(last)) return 'plain';
  const secret = words.some(
    (word, at) => SECRET_WORDS.has(word) || SECRET_PAIRS.has(`${word}\0${words[at + 1] ?? ''}`),
  );
  if (secret) return 'all';
  return last === 'tokens' ? 'texts' : 'plain';
}

/** A configured name as `judgeName` compares it. */
export function plainName(name: string): string {
  return wordsOf(name).join('');
}

/** `clientSecret`, `CLIENT_SECRET` and `client-secret` are the same two words; a trailing number is none. */
function wordsOf(name: string): readonly string[] {
  return name
    .normalize('NFKC')
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .map((word) => (/^\D+\d+$/u.test(word) && word !== 'cvv2' ? word.replace(/\d+$/u, '') : word))
    .filter((word) => word !== '' && !/^\d+$/u.test(word));
}
