import { ServerResponse, type IncomingMessage } from 'node:http';

/**
 * The answer to a client that asked for an upgrade, for the case that it gets an ordinary one: Node hands out a bare
 * socket then. The connection ends with the answer, since bytes of the other protocol may follow the request. Call
 * `release` to get the bare socket back.
 */
export interface UpgradeResponse {
  readonly response: ServerResponse;
  readonly release: () => void;
}

/** Makes the answer of an upgrade request. Errors of the socket are swallowed: they end in its close. */
export function upgradeResponse(request: IncomingMessage): UpgradeResponse {
  const { socket } = request;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  const drained = (): void => void response.emit('drain');
  const closed = (): void => void response.emit('close');
  socket.on('error', swallow);
  socket.on('drain', drained);
  socket.on('close', closed);
  response.assignSocket(socket);
  response.once('finish', () => {
    socket.resume();
    socket.end();
  });
  return {
    response,
    release: () => {
      socket.off('drain', drained);
      socket.off('close', closed);
      response.detachSocket(socket);
    },
  };
}

function swallow(): void {
  // The close that follows says all there is to say.
}
