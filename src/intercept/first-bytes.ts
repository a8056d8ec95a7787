import type { Socket } from 'node:net';
import { failed, passed, type Outcome } from '../model/fault.ts';

/** What is waited for at the start of a connection, or of what a CONNECT opened. */
export interface FirstBytes {
  /** Whether what has arrived is enough to go on with. */
  readonly enough: (bytes: Buffer) => boolean;
  readonly maxBytes: number;
  readonly withinMs: number;
}

/**
 * Waits for the first bytes that a client sends and leaves them in place for whoever reads next. Nobody else may read
 * in the meantime. Faults: client-gone, request-timeout, malformed-request (more than `maxBytes` and not enough). Never
 * rejects.
 */
export async function peekBytes(socket: Socket, { enough, maxBytes, withinMs }: FirstBytes): Promise<Outcome<Buffer>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<Buffer>>();
  let bytes: Buffer = Buffer.alloc(0);
  const look = (): void => {
    for (let chunk: unknown = socket.read(); chunk instanceof Buffer; chunk = socket.read()) {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    }
    if (bytes.length > 0 && enough(bytes)) resolve(passed(bytes));
    else if (bytes.length > maxBytes) resolve(failed('malformed-request', `expected less than ${maxBytes} bytes`));
  };
  const gone = (): void => resolve(failed('client-gone', 'the client closed the connection before it said anything'));
  const timer = setTimeout(() => {
    resolve(failed('request-timeout', `expected the client to begin within ${withinMs / 1_000} s`));
  }, withinMs);
  socket.on('readable', look).on('end', gone).on('close', gone).on('error', gone);
  if (socket.destroyed) gone();
  const outcome = await promise;
  clearTimeout(timer);
  socket.off('readable', look).off('end', gone).off('close', gone).off('error', gone);
  if (bytes.length > 0 && !socket.destroyed && !socket.readableEnded) socket.unshift(bytes);
  return outcome;
}
