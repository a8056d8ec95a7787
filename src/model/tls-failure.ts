const UNTRUSTED = 'the client does not trust the certificate of the gateway';

/** Ways in which a TLS handshake with a client comes to nothing, each with a sentence that says what to do about it. */
const SENTENCES = {
  'unknown-ca': `${UNTRUSTED} (alert unknown-ca); it needs the CA bundle`,
  'bad-certificate': `${UNTRUSTED} (alert bad-certificate); it needs the CA bundle`,
  'certificate-unknown': `${UNTRUSTED} (alert certificate-unknown); it needs the CA bundle`,
  'certificate-expired':
    'the client takes the certificate of the gateway for one that is not valid now; its clock is off, or the CA has ended',
  'no-common-protocol':
    'the client offers no protocol that the gateway speaks; expected http/1.1 among its ALPN protocols',
  'old-version': 'the client offers no TLS version from 1.2 on',
  closed:
    'the client closed the connection during the handshake; often it does not trust the certificate of the gateway',
  unused:
    'the client closed the connection after the handshake and asked for nothing; often it does not trust the certificate of the gateway',
  timeout: 'the client did not finish the handshake in time',
  other: 'the handshake failed',
} as const;

/** Why a TLS handshake with a client came to nothing. The first three say that it does not trust the gateway's CA. */
export type TlsFailure = keyof typeof SENTENCES;

export const TLS_FAILURES: readonly TlsFailure[] = [
  'unknown-ca',
  'bad-certificate',
  'certificate-unknown',
  'certificate-expired',
  'no-common-protocol',
  'old-version',
  'closed',
  'unused',
  'timeout',
  'other',
];

/** The failure as a sentence, with what to do about it. */
export function describeTlsFailure(failure: TlsFailure): string {
  return SENTENCES[failure];
}
