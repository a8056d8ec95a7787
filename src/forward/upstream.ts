import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Client } from '../model/client.ts';
import { failed, passed, type Fault, type Outcome } from '../model/fault.ts';
import type { ForwardOptions, ForwardOutcome } from '../model/ports.ts';
import {
  isTunnel,
  type CanonicalRequest,
  type Destination,
  type HeaderField,
  type RequestBody,
} from '../model/request.ts';
import { AddressGuard } from './address-guard.ts';
import { AnswerRelay } from './answer-relay.ts';
import { BufferedDispatch } from './buffered-dispatch.ts';
import { Connector } from './connector.ts';
import { CredentialFile } from './credentials.ts';
import type { Endpoint } from './endpoints.ts';
import { flatHeaders, framingHeaders, outgoingHead, type OutgoingHead } from './outgoing-head.ts';
import { carryTunnel } from './opaque-tunnel.ts';
import type { ForwardSettings, ForwardWorld } from './settings.ts';
import { StreamedExchange } from './streamed-exchange.ts';
import { StreamedProxy } from './streamed-proxy.ts';
import { RetirableUpstream, type ClosableUpstream } from './retirable-upstream.ts';
import { upgradeResponse, type UpgradeResponse } from './upgrade-client.ts';
import { proxiedHead, UpstreamProxy } from './upstream-proxy.ts';
import { acceptedHandshake, handshakeKey } from './upgrade-handshake.ts';
import { runTunnel } from './websocket-tunnel.ts';

type HttpClient = Extract<Client, { kind: 'http' }>;
type UpgradeClient = Extract<Client, { kind: 'upgrade' }>;

const GONE: Fault = { code: 'client-gone', detail: 'the client went away before its request was forwarded' };

const MIXED: Fault = { code: 'internal', detail: 'expected a tunnel to come as one, and nothing else' };

/** What is sent: one request with its head made up, in terms of both engines. */
interface Sending {
  readonly destination: Endpoint;
  readonly head: OutgoingHead;
  readonly body: RequestBody;
  readonly signal: AbortSignal;
}

/**
 * Makes the way out of the gateway. Throws an `Error` that names the entry when an address or a certificate of the
 * settings cannot be read. Dispose it to end every connection, retire it to let what runs on it come to its end.
 */
export function createUpstream(settings: ForwardSettings, world: ForwardWorld): RetirableUpstream {
  return new RetirableUpstream(() => new ForwardingUpstream(settings, world));
}

class ForwardingUpstream implements ClosableUpstream {
  readonly #settings: ForwardSettings;
  readonly #credentials = new Map<string, CredentialFile>();
  readonly #proxy: UpstreamProxy | null;
  readonly #connector: Connector;
  readonly #buffered: BufferedDispatch;
  readonly #streamed: StreamedProxy;

  constructor(settings: ForwardSettings, world: ForwardWorld) {
    this.#settings = settings;
    for (const [name, { credential }] of settings.routes) {
      if (credential === null) continue;
      const file = new CredentialFile(credential, settings.generationKey, world);
      // Read at start, so that a missing one is logged before the first request needs it.
      file.current();
      this.#credentials.set(name, file);
    }
    this.#proxy = settings.proxy === null ? null : new UpstreamProxy(settings.proxy, settings, world);
    const guard = new AddressGuard(settings, world);
    this.#connector = new Connector({
      guard,
      proxy: this.#proxy,
      limits: settings.limits,
      secureContext: world.trust.contextFor(settings.extraCa),
    });
    this.#buffered = new BufferedDispatch(this.#connector, settings.limits);
    this.#streamed = new StreamedProxy(this.#connector, settings.limits);
  }

  credentialGeneration(request: CanonicalRequest): Outcome<string> {
    const file = request.route === null ? undefined : this.#credentials.get(request.route);
    if (file === undefined) return passed('');
    const credential = file.current();
    return credential.ok ? passed(credential.value.generation) : credential;
  }

  async forward(
    request: CanonicalRequest,
    body: RequestBody,
    client: Client,
    { idempotencyKey, signal }: ForwardOptions,
  ): Promise<ForwardOutcome> {
    if (signal.aborted) return notSent(GONE);
    if (client.kind === 'tunnel') {
      if (!isTunnel(request)) return notSent(MIXED);
      const carrying = { client, idleMs: this.#settings.limits.idleTimeoutMs, signal };
      return await carryTunnel(request.destination, this.#connector, carrying);
    }
    if (isTunnel(request)) return notSent(MIXED);
    const credential = this.#credentialField(request);
    if (!credential.ok) return notSent(credential.fault);
    const head = outgoingHead(request, body, { credential: credential.value, idempotencyKey });
    if (!head.ok) return notSent(head.fault);
    const sending = { destination: request.destination, head: head.value, body, signal };
    return await (client.kind === 'http'
      ? this.#forwardHttp(sending, client)
      : this.#forwardUpgrade(sending, client, request));
  }

  async close(): Promise<void> {
    this.#streamed[Symbol.dispose]();
    await this.#buffered[Symbol.asyncDispose]();
    // What a tunnel has yet to write goes out: its ends close by themselves, within the idle timeout.
    await this.#connector.allClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#streamed[Symbol.dispose]();
    await this.#buffered[Symbol.asyncDispose]();
    this.#connector.destroyAll();
  }

  /** The credential of the route, which only ever goes to the route's own upstream. */
  #credentialField(request: CanonicalRequest): Outcome<HeaderField | null> {
    const { route, destination } = request;
    const file = route === null ? undefined : this.#credentials.get(route);
    if (route === null || file === undefined) return passed(null);
    const upstream = this.#settings.routes.get(route)?.upstream;
    if (upstream === undefined || !isSame(upstream, destination)) {
      return failed('internal', `expected the upstream of route ${route} as destination, found another`);
    }
    const credential = file.current();
    return credential.ok ? passed(credential.value.field) : credential;
  }

  async #forwardHttp(asked: Sending, client: HttpClient): Promise<ForwardOutcome> {
    const outgoing = this.#proxy === null ? passed(asked.head) : proxiedHead(asked, this.#proxy);
    if (!outgoing.ok) return notSent(outgoing.fault);
    const sending = { ...asked, head: outgoing.value };
    const { head, body, signal, destination } = sending;
    const { idleTimeoutMs } = this.#settings.limits;
    const relay = new AnswerRelay({ ...client, signal }, head.method, idleTimeoutMs);
    if (body.kind === 'streamed')
      this.#stream(sending, relay, { client, source: client.request, wantsTrailers: wantsTrailers(client.request) });
    else if (wantsTrailers(client.request))
      this.#stream(sending, relay, { client, source: sourceOf(body), wantsTrailers: true });
    else this.#buffered.send({ destination, head, body: body.kind === 'buffered' ? body.bytes : null }, relay);
    return await relay.outcome;
  }

  #stream(
    { destination, head }: Sending,
    relay: AnswerRelay,
    { client, source, wantsTrailers: te }: { client: HttpClient; source: Readable; wantsTrailers: boolean },
  ): void {
    const exchange = new StreamedExchange({
      relay,
      source,
      limits: this.#settings.limits,
      upstream: head.host,
      onUpgrade: null,
    });
    // TE belongs to the connection, so it is said anew here and never taken over (RFC 9110 section 10.1.4).
    const connection = te ? ['te', 'trailers', 'connection', 'te, keep-alive'] : [];
    const rawHeaders = [...flatHeaders(head), ...connection, ...framingHeaders(head.framing)];
    const done = this.#streamed.send({
      destination,
      head,
      rawHeaders,
      source,
      clientSocket: client.request.socket,
      listener: exchange,
    });
    void afterwards(relay.outcome, done);
  }

  async #forwardUpgrade(
    { destination, head, signal }: Sending,
    client: UpgradeClient,
    request: CanonicalRequest,
  ): Promise<ForwardOutcome> {
    const handshake = handshakeKey(request);
    if (!handshake.ok) return notSent(handshake.fault);
    const key = handshake.value;
    const { limits } = this.#settings;
    const answer = upgradeResponse(client.request);
    const relay = new AnswerRelay(
      { request: client.request, response: answer.response, signal },
      head.method,
      limits.idleTimeoutMs,
    );
    const source = Readable.from([], { objectMode: false });
    const exchange = new StreamedExchange({
      relay,
      source,
      limits,
      upstream: head.host,
      onUpgrade: (response, upstream, upstreamHead) => {
        this.#openTunnel({ relay, client, answer, signal, key }, { response, upstream, upstreamHead });
      },
    });
    const rawHeaders = [...flatHeaders(head), 'connection', 'Upgrade', 'upgrade', 'websocket'];
    // Proxies drop Upgrade from requests in absolute form, so that it goes through a tunnel of theirs.
    const tunnelled = this.#proxy !== null && destination.scheme === 'http';
    const done = this.#streamed.send({
      destination: tunnelled ? { ...destination, scheme: 'tcp' } : destination,
      head,
      rawHeaders,
      source,
      clientSocket: client.request.socket,
      listener: exchange,
    });
    const outcome = await relay.outcome;
    done();
    // Whoever answers now needs the bare socket.
    if (!outcome.answered) answer.release();
    return outcome;
  }

  #openTunnel(
    asked: { relay: AnswerRelay; client: UpgradeClient; answer: UpgradeResponse; signal: AbortSignal; key: string },
    switched: { response: IncomingMessage; upstream: Socket; upstreamHead: Buffer },
  ): void {
    const { relay, client, answer, signal, key } = asked;
    const { response, upstream, upstreamHead } = switched;
    const head = acceptedHandshake(response, key);
    if (!head.ok) {
      upstream.destroy();
      return relay.fail(head.fault);
    }
    answer.release();
    client.socket.write(head.value, 'latin1');
    const ends = { status: 101, client: client.socket, clientHead: client.head, upstream, upstreamHead };
    relay.handOver(runTunnel(ends, this.#settings.limits.idleTimeoutMs, signal));
  }
}

/** Whether the client says that it reads trailers. It is a word about its connection, so it is no part of what is judged. */
function wantsTrailers({ headers }: IncomingMessage): boolean {
  const { te } = headers;
  return typeof te === 'string' && te.split(',').some((token) => token.trim().toLowerCase() === 'trailers');
}

function sourceOf(body: RequestBody): Readable {
  return Readable.from(body.kind === 'buffered' && body.bytes.byteLength > 0 ? [body.bytes] : [], {
    objectMode: false,
  });
}

function isSame(left: Destination, right: Destination): boolean {
  return left.scheme === right.scheme && left.host === right.host && left.port === right.port;
}

function notSent(fault: Fault): ForwardOutcome {
  return { result: 'not-sent', status: null, fault, answered: false, bytesSent: 0, bytesReceived: 0 };
}

async function afterwards(outcome: Promise<unknown>, step: () => void): Promise<void> {
  await outcome;
  step();
}
