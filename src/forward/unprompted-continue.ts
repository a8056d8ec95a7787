import type { Socket } from 'node:net';

const CONTINUE = Buffer.from('HTTP/1.1 100');
const INTERIM = Buffer.from('HTTP/1.1 1');
const STATUS_AT = 'HTTP/1.1 '.length;
const HEAD_END = '\r\n\r\n';

/**
 * undici ends a connection on which `100 Continue` comes without having been asked for, but a client must be able to
 * read any interim answer (RFC 9110 section 15.2), and some servers send this one always. So between a request and the
 * head of its answer, a piece that begins with the head of a 100 is given to undici as the unassigned 199,
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

/** Renumbers every 100 among the interim heads that the piece begins with; true while the final head is still to come. */
function disguise(piece: Buffer): boolean {
  let at = 0;
  while (startsWith(piece, INTERIM, at)) {
    if (startsWith(piece, CONTINUE, at)) piece.write('199', at + STATUS_AT, 'latin1');
    const end = piece.indexOf(HEAD_END, at);
    if (end === -1) return true;
    at = end + HEAD_END.length;
  }
  return at === piece.length;
}

function startsWith(piece: Buffer, prefix: Buffer, at: number): boolean {
  const end = at + prefix.length;
  return piece.length >= end && piece.compare(prefix, 0, prefix.length, at, end) === 0;
}
