/** Why a TLS handshake with a client came to nothing. The first three say that it does not trust the gateway's CA. */
export const TLS_FAILURES = [
  'unknown-ca',
  'bad-certificate',
  'certificate-unknown',
  'no-common-protocol',
  'old-version',
  'closed',
  'unused',
  'timeout',
  'other',
] as const;
export type TlsFailure = (typeof TLS_FAILURES)[number];

/** The failure as a sentence, with what to do about it. */
export function describeTlsFailure(failure: TlsFailure): string {
  switch (failure) {
    case 'unknown-ca':
    case 'bad-certificate':
    case 'certificate-unknown':
      return `the client does not trust the certificate of the gateway (alert ${failure}); it needs the CA bundle`;
    case 'no-common-protocol':
      return 'the client offers no protocol that the gateway speaks; expected http/1.1 among its ALPN protocols';
    case 'old-version':
      return 'the client offers no TLS version from 1.2 on';
    case 'closed':
      return 'the client closed the connection during the handshake; often it does not trust the certificate of the gateway';
    case 'unused':
      return 'the client closed the connection after the handshake and asked for nothing; often it does not trust the certificate of the gateway';
    case 'timeout':
      return 'the client did not finish the handshake in time';
    case 'other':
      return 'the handshake failed';
    default:
      return failure satisfies never;
  }
}
