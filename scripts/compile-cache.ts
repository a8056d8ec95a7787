/**
 * Compiles the built script as `serve` needs it: starts a gateway from it in a folder of its own, sends it the requests
 * that every gateway gets first, and keeps what V8 has compiled by then. Arguments: the script, and the file to write. Run
 * by the build, in a process of its own.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Script } from 'node:vm';

/** A start takes less than a second; a machine that needs this long does without. */
const READY_WITHIN_MS = 60_000;

const [given = '', output = ''] = process.argv.slice(2);
const filename = resolve(given);
const target = resolve(output);
const folder = mkdtempSync(join(tmpdir(), 'aegis-compile-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.chdir(folder);

const upstream = createServer((request, response) => {
  request.resume().once('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
}).listen(0, '127.0.0.1');
await once(upstream, 'listening');
const origin = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
writeFileSync(
  'policy.yaml',
  `version: "1"
rules:
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: large, match: {type: create}, conditions: {param_gt: {total: 100}}, risk_level: high, approval: block}
  - {name: rest, match: {type: "*"}, risk_level: low, approval: auto}
`,
);
writeFileSync(
  'gateway.yaml',
  `version: 1
listeners: {data: "127.0.0.1:0", admin: "127.0.0.1:0"}
policy: {files: [policy.yaml]}
routes: {api: {upstream: "http://${origin}"}}
upstream: {allow: ["${origin}"]}
log: {format: json}
`,
);
process.argv = [process.execPath, filename, 'serve', '--config', 'gateway.yaml'];

const code = readFileSync(filename);
const script = new Script(code.toString('latin1'), { filename });
const main = script.runInThisContext() as (require: NodeJS.Require) => void;
const write = process.stdout.write.bind(process.stdout);
const tooLate = setTimeout(() => fail('the gateway did not get ready'), READY_WITHIN_MS);
process.stdout.write = (text: string | Uint8Array): boolean => {
  const line = String(text);
  if (line.includes('gateway.ready')) {
    keepAfterUse(JSON.parse(line) as Ready).catch((error: unknown) => fail(String(error)));
  }
  return true;
};
process.on('exit', (status) => status !== 0 && write('the gateway that was started to compile it did not stop well\n'));
main(createRequire(filename));

/** What the gateway says when it is ready. */
interface Ready {
  readonly data_port: number;
  readonly admin_port: number;
}

async function keepAfterUse({ data_port: data, admin_port: admin }: Ready): Promise<void> {
  const call = `http://127.0.0.1:${data}/routes/api/items?limit=10`;
  const json = { 'content-type': 'application/json' };
  await expectStatus(200, `http://127.0.0.1:${admin}/readyz`);
  await expectStatus(200, call);
  await expectStatus(200, call, { method: 'POST', headers: json, body: '{"total": 1, "note": "two boxes"}' });
  await expectStatus(403, call, { method: 'POST', headers: json, body: '{"total": 101}' });
  clearTimeout(tooLate);
  const digest = createHash('sha256').update(code).digest();
  writeFileSync(target, Buffer.concat([digest, script.createCachedData()]));
  upstream.close();
  process.emit('SIGTERM');
}

async function expectStatus(expected: number, url: string, init: RequestInit = {}): Promise<void> {
  const answer = await fetch(url, init);
  const text = await answer.text();
  if (answer.status !== expected) throw new Error(`expected ${expected} of ${url}, found ${answer.status} ${text}`);
}

function fail(problem: string): never {
  write(`${problem}\n`);
  process.exit(1);
}
