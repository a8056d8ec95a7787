import type { Socket } from 'node:net';
import { FaultError, passed, type Outcome } from '../model/fault.ts';
import type { HeaderField } from '../model/request.ts';
import { AddressGuard } from './address-guard.ts';
import { CredentialFile } from './credentials.ts';
import { endpointText, type Endpoint } from './endpoints.ts';
import { MAX_PROXY_ANSWER_BYTES } from './limits.ts';
import type { OutgoingHead } from './outgoing-head.ts';
import type { ForwardSettings, ForwardWorld, ProxySettings } from './settings.ts';

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: |$)/u;

/** Told that the tunnel stands, or why not. */
export type TunnelDone = (error: FaultError | null) => void;

/** An HTTP proxy between the gateway and its upstreams: where it is, what it is told, what it opens. */
export class UpstreamProxy {
  readonly endpoint: Endpoint;
  /** For the address of the proxy itself, which counts as listed; what it may be asked for is another guard's business. */
  readonly guard: AddressGuard;
  readonly #credential: CredentialFile | null;

  constructor({ host, port, credentialFile }: ProxySettings, settings: ForwardSettings, world: ForwardWorld) {
    this.endpoint = { scheme: 'tcp', host, port };
    const allowAddresses = [endpointText(host, port)];
    this.guard = new AddressGuard({ ...settings, allowAddresses, routes: new Map() }, world);
    this.#credential = credentialFile === null ? null : this.#credentialOf(credentialFile, settings, world);
  }

  get name(): string {
    return endpointText(this.endpoint.host, this.endpoint.port);
  }

  /** The field that says who asks, for a request or a CONNECT; null where the proxy wants none. Fault: credential-unavailable. */
  authorization(): Outcome<HeaderField | null> {
    if (this.#credential === null) return passed(null);
    const credential = this.#credential.current();
    if (!credential.ok) return credential;
    const { name, value } = credential.value.field;
    return passed({ name, value: `Basic ${Buffer.from(value, 'latin1').toString('base64')}` });
  }

  /** Asks the proxy, on a connection to it, for a tunnel to the destination (RFC 9110 section 9.3.6). */
  open(socket: Socket, destination: Endpoint, done: TunnelDone): void {
    const authorization = this.authorization();
    if (!authorization.ok) return done(new FaultError(authorization.fault.code, authorization.fault.detail));
    const target = endpointText(destination.host, destination.port);
    const fields = [`Host: ${target}`];
    if (authorization.value !== null) fields.push(`Proxy-Authorization: ${authorization.value.value}`);
    let received = Buffer.alloc(0);
    // Read and not streamed: a socket that was paused by hand would not flow for whoever takes it over.
    const look = (): void => {
      const chunk: unknown = socket.read();
      if (!(chunk instanceof Buffer)) return;
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end === -1 && received.length <= MAX_PROXY_ANSWER_BYTES) return;
      socket.off('readable', look);
      const problem = this.#problem(received, end, target);
      // What the destination said already belongs to whoever reads on.
      if (problem === null && received.length > end + 4) socket.unshift(received.subarray(end + 4));
      done(problem);
    };
    socket.on('readable', look);
    socket.write(`CONNECT ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  #problem(received: Buffer, end: number, target: string): FaultError | null {
    const line = received.subarray(0, end === -1 ? 0 : received.indexOf('\r\n')).toString('latin1');
    const status = STATUS_LINE.exec(line)?.[1];
    if (status === undefined) {
      return new FaultError('upstream-protocol', `expected the proxy ${this.name} to answer CONNECT in HTTP/1.1`);
    }
    if (status.startsWith('2')) return null;
    return new FaultError('upstream-unreachable', `the proxy ${this.name} refused ${target} with status ${status}`);
  }

  #credentialOf(file: string, { generationKey }: ForwardSettings, world: ForwardWorld): CredentialFile {
    return new CredentialFile({ header: 'Proxy-Authorization', format: '{secret}', file }, generationKey, world);
  }
}

/**
 * The head of a request to a proxy: in absolute form (RFC 9112 section 3.2.2), and with what the proxy wants to know, where
 * the proxy reads it. What goes through a tunnel stays as it is. Fault: credential-unavailable.
 */
export function proxiedHead(
  { destination, head }: { readonly destination: Endpoint; readonly head: OutgoingHead },
  proxy: UpstreamProxy,
): Outcome<OutgoingHead> {
  if (destination.scheme !== 'http') return passed(head);
  const authorization = proxy.authorization();
  if (!authorization.ok) return authorization;
  const added = authorization.value === null ? [] : [authorization.value];
  return passed({ ...head, path: `http://${head.host}${head.path}`, headers: [...head.headers, ...added] });
}
