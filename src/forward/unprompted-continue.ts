import type { Socket } from 'node:net';

const CONTINUE = Buffer.from('HTTP/1.1 100');
const INTERIM = Buffer.from('HTTP/1.1 1');
const LAST_DIGIT = CONTINUE.length - 1;
const DIGIT_OF_199 = '9'.charCodeAt(0);

/**
 * undici ends a connection on which `100 Continue` comes without having been asked for, but a client must be able to
 * read any interim answer (RFC 9110 section 15.2), and some servers send this one always. So between a request and the
 * head of its answer, a piece that begins with the status line of a 100 is given to undici as the unassigned 199,
 * which it reports like every other interim answer. The socket must carry one request at a time.
 */
export function toleratingUnpromptedContinue(socket: Socket): Socket {
  let awaitingHead = false;
  const write = socket.write.bind(socket);
  const read = socket.read.bind(socket);
  const noticingWrite = (...parameters: Parameters<typeof write>): boolean => {
    awaitingHead = true;
    return write(...parameters);
  };
  const disguisingRead = (size?: number): unknown => {
    const piece: unknown = read(size);
    if (awaitingHead && Buffer.isBuffer(piece)) awaitingHead = disguise(piece);
    return piece;
  };
  // Defined as assignable: Node itself puts another `write` there when the other side has ended.
  Object.defineProperties(socket, {
    write: { value: noticingWrite, writable: true, configurable: true },
    read: { value: disguisingRead, writable: true, configurable: true },
  });
  return socket;
}

/** Renumbers a leading 100; true while the head of the final answer is still to come. */
function disguise(piece: Buffer): boolean {
  if (!startsWith(piece, INTERIM)) return false;
  if (startsWith(piece, CONTINUE)) {
    piece[LAST_DIGIT] = DIGIT_OF_199;
    piece[LAST_DIGIT - 1] = DIGIT_OF_199;
  }
  return true;
}

function startsWith(piece: Buffer, prefix: Buffer): boolean {
  return piece.length >= prefix.length && piece.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
