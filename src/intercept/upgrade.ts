import type { Socket } from 'node:net';
import type { Client } from '../model/client.ts';
import { FaultError } from '../model/fault.ts';
import type { RawHead } from '../model/request.ts';
import { NO_BODY } from './body-source.ts';
import { INTERNAL, logHandlerFailure } from './handler-failure.ts';
import { answerProblemRaw, closeLingering } from './problem-answer.ts';
import type { Shared } from './turn.ts';

/** An exchange whose socket Node's server has let go of: it is ours. */
export interface OnSocket {
  readonly head: RawHead;
  readonly client: Exclude<Client, { kind: 'http' }>;
  readonly socket: Socket;
}

/** Hands a WebSocket handshake or a tunnel over and sees to it that its connection ends. Never rejects. */
export async function runOnSocket({ head, client, socket }: OnSocket, shared: Shared): Promise<void> {
  const controller = new AbortController();
  const writtenBefore = socket.bytesWritten;
  const answerBegun = (): boolean => socket.bytesWritten > writtenBefore;
  const gone = (): void => controller.abort(new FaultError('client-gone', 'the client closed the connection'));
  socket.once('close', gone);
  // Before the answer, a client that ends its side has given up; after it, that is the tunnel's to pass on.
  socket.once('end', () => {
    if (!answerBegun()) gone();
  });
  const { upgradeIdleMs } = shared.settings;
  socket.setTimeout(upgradeIdleMs);
  socket.on('timeout', () => {
    if (answerBegun()) socket.destroy();
    else socket.setTimeout(upgradeIdleMs);
  });
  try {
    await shared.handler({
      head,
      body: NO_BODY,
      client,
      signal: controller.signal,
    });
    if (!answerBegun() && !socket.destroyed) throw new Error('the handler left no answer');
  } catch (error) {
    logHandlerFailure(shared.hooks.log, error);
    if (!answerBegun()) answerProblemRaw(socket, INTERNAL);
    else socket.destroy();
  }
  closeLingering(socket);
}
