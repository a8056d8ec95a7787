import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { arch, platform } from 'node:os';

/** How a socket is asked for its peer: `getsockopt` through libc; null where that cannot be done. */
type UidOf = (socket: Socket) => number | null;

const SOL_SOCKET = 1;
/** struct ucred (unix(7)): pid, uid, gid, four bytes each. */
const UCRED_BYTES = 12;
const UID_OFFSET = 4;

/** asm/socket.h: the number differs on POWER. */
function soPeercred(): number {
  return arch() === 'ppc64' ? 21 : 17;
}

/**
 * A function that asks the kernel which user opened a connection (SO_PEERCRED, unix(7)): the credentials are those of
 * the moment of connect(2), and no client can state others. Null where the kernel cannot be asked: another system than
 * Linux, or one without the native module.
 */
export async function peerUidReader(): Promise<UidOf | null> {
  if (platform() !== 'linux') return null;
  try {
    const { default: koffi } = await import('koffi');
    // Null loads the process itself, which holds libc whatever its name is (glibc, musl).
    const getsockopt = koffi.load(null).func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
    return (socket) => {
      const fd = fileDescriptorOf(socket);
      if (fd === null) return null;
      const credentials = Buffer.alloc(UCRED_BYTES);
      const length = [UCRED_BYTES];
      const result: unknown = getsockopt(fd, SOL_SOCKET, soPeercred(), credentials, length);
      return result === 0 && length[0] === UCRED_BYTES ? credentials.readUInt32LE(UID_OFFSET) : null;
    };
  } catch {
    return null;
  }
}

/** The name of a user as /etc/passwd has it (passwd(5)); `uid:1234` for one without a name, as in most containers. */
export async function userName(uid: number, passwdFile = '/etc/passwd'): Promise<string> {
  const nameless = `uid:${uid}`;
  let text: string;
  try {
    text = await readFile(passwdFile, 'utf8');
  } catch {
    return nameless;
  }
  for (const line of text.split('\n')) {
    const [name = '', , id] = line.split(':');
    if (name !== '' && id === String(uid)) return name;
  }
  return nameless;
}

/** `_handle.fd` is no public interface of Node; a test pins it. */
function fileDescriptorOf(socket: Socket): number | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : null;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
