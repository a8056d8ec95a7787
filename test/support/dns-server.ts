import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** What a name stands for, by type; a list of answers gives one after the other, the last again and again. */
export interface DnsName {
  readonly A?: readonly (readonly string[])[];
  readonly AAAA?: readonly (readonly string[])[];
  /** Answers with this RCODE (RFC 1035 section 4.1.1) instead. */
  readonly failure?: number;
}

/** A name server on loopback, over UDP, that says what a test wants: nothing is cached, every TTL is 0. */
export interface DnsServer extends AsyncDisposable {
  readonly port: number;
  /** `NAME TYPE` of every question so far, in lower case. */
  readonly asked: string[];
}

const TYPES = new Map([
  [1, 'A'],
  [28, 'AAAA'],
] as const);
const HEADER_BYTES = 12;
const NAME_ERROR = 3;

export async function startDnsServer(names: { readonly [name: string]: DnsName }): Promise<DnsServer> {
  const asked: string[] = [];
  const socket: Socket = createSocket('udp4');
  const given = new Map<string, number>();
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    const kind = TYPES.get(type as 1 | 28);
    const question = `${name} ${kind ?? type}`;
    asked.push(question);
    const known = names[name];
    const list = (kind === undefined ? undefined : known?.[kind]) ?? [[]];
    const turn = given.get(question) ?? 0;
    given.set(question, turn + 1);
    const addresses = list[Math.min(turn, list.length - 1)] ?? [];
    const rcode = known === undefined ? NAME_ERROR : (known.failure ?? 0);
    socket.send(answerTo(query.subarray(0, end), { rcode, type, addresses }), from.port, from.address);
  });
  socket.bind({ address: '127.0.0.1', port: 0 });
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    asked,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

interface Answer {
  readonly rcode: number;
  readonly type: number;
  readonly addresses: readonly string[];
}

function answerTo(question: Buffer, { rcode, type, addresses }: Answer): Buffer {
  const header = Buffer.from(question.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(0x8580 | rcode, 2);
  for (const [at, count] of [1, rcode === 0 ? addresses.length : 0, 0, 0].entries())
    header.writeUInt16BE(count, 4 + at * 2);
  const records = rcode === 0 ? addresses.map((address) => recordOf(type, bytesOf(address))) : [];
  return Buffer.concat([header, question.subarray(HEADER_BYTES), ...records]);
}

function recordOf(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  // A pointer to the name of the question, then type, class IN, TTL 0 and length.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

/** An address as bytes; an IPv6 one is written out in eight groups. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const groups = address.split(':').map((group) => Number.parseInt(group, 16));
  if (groups.length !== 8) throw new Error(`expected eight groups, found ${address}`);
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
