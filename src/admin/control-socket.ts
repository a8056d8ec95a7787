import { chmodSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ApprovalWatch } from './approval-watch.ts';
import type { ControlParts, ControlPorts } from './control-api.ts';
import { peerUidReader, userName } from './peer-name.ts';

/** The control socket, listening. Disposing it ends all requests and removes the socket. */
export interface ControlServer extends AsyncDisposable {
  readonly path: string;
  /** How approvers are named: asked of the kernel for each connection, or taken from the owner of the socket. */
  readonly approversBy: 'peer-credentials' | 'socket-owner';
}

/** People and their tools; a client that holds more connections than this is broken. */
const MAX_CONNECTIONS = 64;
/** A request at this socket is a few hundred bytes from the same machine. */
const REQUEST_TIMEOUT_MS = 10_000;
const SOCKET_MODE = 0o600;
/** The complement of the mode, in force while the socket is made: there is no moment in which others can connect. */
const SOCKET_UMASK = 0o177;
const FOLDER_MODE = 0o700;
/** sun_path of unix(7) holds 108 bytes with the final null; macOS has 104. */
const MAX_PATH_BYTES = 103;

/**
 * Starts the control interface on a Unix socket that only its owner can open. Rejects when another gateway listens
 * there, or when the socket cannot be made.
 */
export async function startControl(path: string, ports: ControlPorts): Promise<ControlServer> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new Error(
      `the path of the control socket is too long: expected at most ${MAX_PATH_BYTES} bytes, found ${path}; use a shorter data folder`,
    );
  }
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
  const readUid = await peerUidReader();
  const approverOf = async (socket: Socket): Promise<string | null> => {
    // Only the owner and the superuser can open the socket, so without better knowledge it is the owner who speaks.
    const uid = readUid === null ? statSync(path).uid : readUid(socket);
    return uid === null ? null : await userName(uid);
  };
  const watch = new ApprovalWatch(ports.approvals);
  const handle = controlListener({ ports, watch, approverOf: (request) => approverOf(request.socket) });
  // A Host header means nothing on a Unix socket.
  const options = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, requireHostHeader: false };
  const server = createServer(options, handle);
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, path);
  return {
    path,
    approversBy: readUid === null ? 'socket-owner' : 'peer-credentials',
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      await watch.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Loads the application with the first request: most gateways hear from a human long after they started, or never. */
function controlListener(parts: ControlParts): RequestListener {
  let app: Promise<RequestListener> | null = null;
  return (request, response) => {
    app ??= import('./control-api.ts').then(({ controlApp }) => controlApp(parts));
    void app.then(
      (handle) => handle(request, response),
      () => response.writeHead(500).end(),
    );
  };
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    await bind(server, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    await removeStale(path);
    await bind(server, path);
  }
  if ((statSync(path).mode & 0o777) === SOCKET_MODE) return;
  // Some file systems ignore the umask for sockets.
  chmodSync(path, SOCKET_MODE);
}

async function bind(server: Server, path: string): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    const umask = process.umask(SOCKET_UMASK);
    try {
      // Node makes the socket before listen() returns.
      server.listen(path, () => {
        server.off('error', fail);
        done();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/** Removes a socket that a gateway left behind when it was killed. Whatever else lies there is left alone. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path);
  if (!found.isSocket()) throw new Error(`expected a socket or nothing at ${path}, found another file: move it away`);
  if (await isAnswered(path)) {
    throw new Error(`another gateway listens on ${path}: stop it, or give this one another data folder`);
  }
  // Another start may have replaced it meanwhile.
  if (lstatSync(path).ino === found.ino) unlinkSync(path);
}

async function isAnswered(path: string): Promise<boolean> {
  return await new Promise<boolean>((done, fail) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      done(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') done(false);
      else fail(error);
    });
  });
}
