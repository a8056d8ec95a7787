import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import type { TlsFailure } from '../model/tls-failure.ts';

export type Handshaken =
  | { readonly ok: true; readonly socket: TLSSocket }
  | { readonly ok: false; readonly failure: TlsFailure };

/** The agent's side is HTTP/1.1: whoever offers only something else is told so by an alert (RFC 7301 section 3.2). */
const PROTOCOLS = ['http/1.1'];

/** Ends of the codes that Node makes of OpenSSL's errors; the beginnings differ from one version to the next. */
const FAILURES: readonly (readonly [RegExp, TlsFailure])[] = [
  [/ALERT_UNKNOWN_CA$/u, 'unknown-ca'],
  [/ALERT_BAD_CERTIFICATE$/u, 'bad-certificate'],
  [/ALERT_CERTIFICATE_UNKNOWN$/u, 'certificate-unknown'],
  [/ALERT_CERTIFICATE_EXPIRED$/u, 'certificate-expired'],
  [/NO_APPLICATION_PROTOCOL$/u, 'no-common-protocol'],
  [/UNSUPPORTED_PROTOCOL$/u, 'old-version'],
  [/^(?:ECONNRESET|EPIPE)$/u, 'closed'],
];

/** Answers a TLS hello that waits on a socket, as the server that it was meant for. Never rejects. */
export async function acceptTls(socket: Socket, secureContext: SecureContext, withinMs: number): Promise<Handshaken> {
  const { promise, resolve } = Promise.withResolvers<Handshaken>();
  const tls = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: PROTOCOLS });
  const fail = (failure: TlsFailure): void => {
    resolve({ ok: false, failure });
    tls.destroy();
  };
  const failed = (error: NodeJS.ErrnoException): void => fail(failureOf(error));
  const closed = (): void => fail('closed');
  const timer = setTimeout(() => fail('timeout'), withinMs);
  // Node's own TLS server waits for the same event.
  tls.once('secure', () => resolve({ ok: true, socket: tls }));
  // The sockets of the port may be half open: a client that only ends its side leaves no close behind.
  tls.on('error', failed).on('end', closed).on('close', closed);
  const outcome = await promise;
  clearTimeout(timer);
  tls.off('end', closed).off('close', closed);
  // Whoever takes the socket over hears of its errors first.
  if (outcome.ok) setImmediate(() => tls.off('error', failed));
  return outcome;
}

function failureOf({ code = '' }: NodeJS.ErrnoException): TlsFailure {
  return FAILURES.find(([pattern]) => pattern.test(code))?.[1] ?? 'other';
}
