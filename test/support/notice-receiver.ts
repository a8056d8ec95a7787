import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CloudEvent, HTTP } from 'cloudevents';
import { startHttpUpstream, type SeenRequest } from './upstream.ts';

/** What the receiver does with a request; without one, it answers 202. */
export type Behaviour = (response: ServerResponse, request: IncomingMessage) => void;

/** A web service that notices go to, and that does as it is told with the next requests first. */
export interface NoticeReceiver extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly next: Behaviour[];
  readonly seen: readonly SeenRequest[];
  /** The requests so far, as soon as there are so many. */
  received(count: number): Promise<readonly SeenRequest[]>;
  /** The same as the official SDK of CloudEvents reads and validates them. */
  events(count: number): Promise<readonly NoticeEvent[]>;
}

export type NoticeEvent = CloudEvent<{ readonly [member: string]: unknown }>;

/** The path is a secret, as that of an incoming webhook of Slack is. */
export const SECRET_PATH = '/services/T0SECRET/B0SECRET/xoxsecretxoxsecret';

/** Starts a receiver, on a port of its own unless one is named. */
export async function startNoticeReceiver(port = 0): Promise<NoticeReceiver> {
  const next: Behaviour[] = [];
  const upstream = await startHttpUpstream(
    (request, response) => {
      const behave = next.shift();
      if (behave === undefined) response.writeHead(202).end();
      else behave(response, request);
    },
    null,
    { host: '127.0.0.1', port },
  );
  const received = async (count: number): Promise<readonly SeenRequest[]> => {
    while (upstream.seen.length < count) await once(upstream.server, 'request').then(bodyRead);
    return upstream.seen.slice();
  };
  return {
    port: upstream.port,
    url: `${upstream.origin}${SECRET_PATH}`,
    next,
    seen: upstream.seen,
    received,
    events: async (count) => (await received(count)).map(eventIn),
    [Symbol.asyncDispose]: async () => await upstream[Symbol.asyncDispose](),
  };
}

/** The event in a request; throws where it is none that the SDK takes. */
export function eventIn({ body, headers }: SeenRequest): NoticeEvent {
  const event = HTTP.toEvent<{ readonly [member: string]: unknown }>({ headers, body });
  if (!(event instanceof CloudEvent)) throw new Error('expected one event, found a batch');
  event.validate();
  return event;
}

async function bodyRead([request]: readonly unknown[]): Promise<void> {
  const incoming = request as IncomingMessage;
  if (!incoming.readableEnded && !incoming.destroyed) await once(incoming, 'close');
}

/** Answers with a status. */
export const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (response) =>
    void response.writeHead(status, headers).end(body);
