/**
 * Which engine forwards buffered requests? Measures the two of src/forward, and http-proxy-middleware as it comes, with
 * 1 KiB of JSON both ways over 1 and 32 connections. Each relay has one core for itself; rounds take turns, so that
 * what else the machine does hits all alike. Prints ratios: absolute figures mean nothing on another machine.
 *
 *   node bench/relay/measure.ts [ROUNDS] [MILLISECONDS]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const ENGINES = ['undici', 'http-proxy-middleware', 'http-proxy-middleware, plain'] as const;
const RELAY_CORE = '0';
const OTHER_CORE = '1';
const BODY_BYTES = 1024;
const [rounds = 5, milliseconds = 1_500] = process.argv.slice(2).map(Number);

interface Part {
  readonly child: ChildProcess;
  readonly port: number;
}

interface Figures {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

async function start(core: string, file: string, ...parameters: readonly string[]): Promise<Part> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
  const child = spawn('taskset', ['-c', core, process.execPath, path, ...parameters], { stdio: [...stdio] });
  const [address] = await once(child, 'message');
  return { child, port: address.port };
}

async function cpuOf({ child }: Part): Promise<number> {
  child.send('cpu');
  const [usage] = await once(child, 'message');
  return usage.user + usage.system;
}

function requestText(method: string): string {
  const head = `${method} /orders?limit=10 HTTP/1.1\r\nHost: api.example\r\nAccept: application/json\r\nUser-Agent: bench\r\n`;
  if (method === 'GET') return `${head}\r\n`;
  const body = JSON.stringify({ padding: '' }).replace('""', `"${'y'.repeat(BODY_BYTES - 14)}"`);
  return `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** How long an answer is whose beginning this is. */
function sizeOf(text: string): number {
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`expected 200, found ${text}`);
  return text.indexOf('\r\n\r\n') + 4 + Number(/content-length: (\d+)/iu.exec(text)?.[1]);
}

/** One connection that asks again as soon as it is answered; answers are all of one length. */
async function ask(port: number, text: string, until: () => boolean): Promise<number> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let answers = 0;
  let size = 0;
  let received = 0;
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the relay closed the connection')));
  socket.on('data', (chunk: Buffer) => {
    if (size === 0) size = sizeOf(chunk.toString('latin1'));
    received += chunk.byteLength;
    if (received === size) {
      received = 0;
      answers += 1;
      if (!until()) socket.write(text, 'latin1');
      else {
        socket.removeAllListeners('close').destroy();
        resolve(answers);
      }
    }
  });
  socket.write(text, 'latin1');
  return promise;
}

async function measure(relay: Part, method: string, connections: number, forMs: number): Promise<Figures> {
  const cpuBefore = await cpuOf(relay);
  const from = performance.now();
  const until = (): boolean => performance.now() - from >= forMs;
  const counts = await Promise.all(
    Array.from({ length: connections }, () => ask(relay.port, requestText(method), until)),
  );
  const seconds = (performance.now() - from) / 1_000;
  const answers = counts.reduce((sum, count) => sum + count, 0);
  return { perSecond: answers / seconds, cpuMicroseconds: ((await cpuOf(relay)) - cpuBefore) / answers };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The figures of each relay in one setting; the first round warms up and does not count. */
async function compare(relays: readonly Part[], method: string, connections: number): Promise<readonly Figures[]> {
  const lists = relays.map((): Figures[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, relay] of relays.entries()) {
      const figures = await measure(relay, method, connections, milliseconds);
      if (round > 0) lists[index]?.push(figures);
    }
  }
  return lists.map((list) => ({
    perSecond: median(list.map(({ perSecond }) => perSecond)),
    cpuMicroseconds: median(list.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  }));
}

function print(setting: string, figures: readonly Figures[]): void {
  const [base] = figures;
  if (base === undefined) throw new Error('expected figures, found none');
  for (const [index, { perSecond, cpuMicroseconds }] of figures.entries()) {
    const engine = (ENGINES[index] ?? '').padEnd(28);
    const rate = (perSecond / base.perSecond).toFixed(2);
    const cpu = (cpuMicroseconds / base.cpuMicroseconds).toFixed(2);
    console.log(`${setting}  ${engine}  requests/s ${rate}  CPU/request ${cpu}`);
  }
}

const upstream = await start(OTHER_CORE, './upstream-server.ts');
const relays = await Promise.all(
  ENGINES.map((engine) => start(RELAY_CORE, './relay-server.ts', engine, String(upstream.port))),
);
console.log(`node ${process.version}, ${rounds} rounds of ${milliseconds} ms, median; undici = 1.00`);
for (const method of ['GET', 'POST']) {
  for (const connections of [1, 32]) {
    const setting = `${method.padEnd(4)} ${String(connections).padStart(2)} connections`;
    print(setting, await compare(relays, method, connections));
  }
}
for (const { child } of [upstream, ...relays]) child.kill();
