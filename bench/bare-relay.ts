/** The limit for anything written on node:http and undici: takes a request, parses its JSON, sends it on, and no more. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool } from 'undici';

/** As many as a gateway keeps: more than any measurement has clients. */
const CONNECTIONS = 128;
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'content-length', 'host', 'keep-alive']);

const [port = '', upstream = ''] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstream}`, { connections: CONNECTIONS });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    relay(request, response, Buffer.concat(chunks)).catch(() => response.destroy());
  });
});

async function relay(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  if (body.byteLength > 0) JSON.parse(body.toString('utf8'));
  const headers = Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name));
  const answer = await pool.request({
    path: request.url ?? '/',
    method: request.method ?? 'GET',
    headers: Object.fromEntries(headers),
    body: body.byteLength > 0 ? body : null,
  });
  response.writeHead(answer.statusCode, answer.headers);
  answer.body.pipe(response);
}

server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');
