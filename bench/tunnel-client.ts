/** Load over HTTPS through CONNECT: each connection asks again as soon as it is answered. Prints one line of figures. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ANSWER, KIB, order, PATH } from './requests.ts';

const [proxyPort = 0, upstreamPort = 0, , connections = 1, seconds = 1] = process.argv.slice(2).map(Number);
const method = process.argv[4] ?? 'GET';
const until = performance.now() + seconds * 1_000;
const body = method === 'POST' ? order(KIB) : '';
const fields = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
const request = `${method} ${PATH} HTTP/1.1\r\nHost: 127.0.0.1:${upstreamPort}\r\n${fields}\r\n${body}`;
const latencies: number[] = [];

/** The certificate is made by whoever is measured; what is measured is not whether a client trusts it. */
async function tunnel(): Promise<TLSSocket> {
  const socket: Socket = connect({ port: proxyPort, host: '127.0.0.1', noDelay: true });
  socket.write(`CONNECT 127.0.0.1:${upstreamPort} HTTP/1.1\r\nHost: 127.0.0.1:${upstreamPort}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) {
    throw new Error(`CONNECT was answered ${answer.toString('latin1').split('\r\n')[0] ?? ''}`);
  }
  const secure = connectTls({ socket, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  return secure;
}

async function ask(socket: TLSSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const take = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    if (text.endsWith(ANSWER)) resolve(text);
  };
  socket
    .on('data', take)
    .once('error', reject)
    .once('close', () => reject(new Error(`cut off after ${text}`)));
  const timer = setTimeout(() => reject(new Error(`no whole answer: ${text.slice(0, 200)}`)), 10_000);
  socket.write(request);
  const answer = await promise;
  clearTimeout(timer);
  socket.removeAllListeners('error').removeAllListeners('close').off('data', take);
  if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`expected 200, found ${answer.slice(0, 40)}`);
}

async function client(): Promise<void> {
  const socket = await tunnel();
  while (performance.now() < until) {
    const from = performance.now();
    await ask(socket);
    latencies.push(performance.now() - from);
  }
  socket.destroy();
}

const from = performance.now();
await Promise.all(Array.from({ length: connections }, client));
const sorted = latencies.toSorted((left, right) => left - right);
const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
const spent = (performance.now() - from) / 1_000;
const result = { requests: sorted.length, seconds: spent, p50: at(0.5), p99: at(0.99), failures: 0 };
console.log(`RESULT ${JSON.stringify(result)}`);
