import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAnchors } from '../../src/audit/anchors.ts';
import { readPublicKeys } from '../../src/audit/signing-key.ts';
import { verifyJournal } from '../../src/audit/verify.ts';
import type { RecordBody } from '../../src/model/record.ts';
import { throughProxy } from '../support/agent.ts';
import { runCli, startGatewayProcess, type CliResult, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { signingWith } from '../unit/audit/signing.ts';
import { open } from '../unit/audit/temporary.ts';

const POLICY = `version: "1"
rules:
  - {name: write, match: {type: create}, risk_level: high, approval: auto}
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;
const REQUESTS = 270;
const AT_ONCE = 30;
/** How many commands run at the same time. */
const COMMANDS = 3;

let upstream: HttpUpstream;
let gateway: GatewayProcess;
let folder: string;
let anchors: string;
let publicKey: string;
let names: readonly string[];
let copies = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-verify-'));
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\naudit: {segment_size: 64KiB, anchor_file: anchors.txt}`,
  });
  for (let from = 0; from < REQUESTS; from += AT_ONCE) {
    const calls = Array.from({ length: AT_ONCE }, async (_, n) => await call(from + n));
    await Promise.all(calls);
  }
  await gateway.stop('SIGTERM');
  // Kept where the machine of the gateway cannot change them.
  anchors = join(folder, 'anchors.txt');
  publicKey = join(folder, 'kept.pem');
  cpSync(join(gateway.folder, 'anchors.txt'), anchors);
  cpSync(join(gateway.dataDir, 'journal-key.pub.pem'), publicKey);
  names = segmentsIn(gateway.dataDir);
}, 60_000);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function call(n: number): Promise<void> {
  const kinds = [{}, { body: { n } }, { method: 'DELETE' }] as const;
  await throughProxy(gateway.port, `${upstream.origin}/call?n=${n}`, kinds[n % 3]);
}

function segmentsIn(dataDir: string): readonly string[] {
  const found = readdirSync(join(dataDir, 'journal')).filter((name) => name.endsWith('.jsonl'));
  return found.toSorted((left, right) => (left < right ? -1 : 1));
}

/** A copy of what verify reads, changed by somebody who can write all of it: the audit database is not there any more. */
function changed(change: (journal: string, dataDir: string) => void): string {
  copies += 1;
  const dataDir = join(folder, `copy-${copies}`);
  mkdirSync(join(dataDir, 'journal'), { recursive: true });
  for (const name of names) cpSync(join(gateway.dataDir, 'journal', name), join(dataDir, 'journal', name));
  cpSync(publicKey, join(dataDir, 'journal-key.pub.pem'));
  change(join(dataDir, 'journal'), dataDir);
  return dataDir;
}

async function verify(dataDir: string, ...args: readonly string[]): Promise<CliResult> {
  return await runCli(['audit', 'verify', '--data-dir', dataDir, ...args]);
}

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);
const writeLines = (file: string, lines: readonly string[]): void =>
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));

/** A segment and a place in it, chosen evenly. */
const place = fc.record({ segment: fc.nat(), at: fc.nat() });
type Place = typeof place extends fc.Arbitrary<infer T> ? T : never;
const nameAt = ({ segment }: Place): string => names[segment % names.length] ?? '';

/** So many changes are checked by the command itself, and so many by what is under it: a start of Node takes a while. */
const BY_COMMAND = 6;
const BY_CODE = 100;

/** Each of many changes must be found against the anchors. */
async function expectEachFound(change: (journal: string, at: Place) => string): Promise<void> {
  const places = fc.sample(place, BY_COMMAND + BY_CODE);
  const left = places.slice(0, BY_COMMAND);
  const worker = async (): Promise<void> => {
    for (let at = left.pop(); at !== undefined; at = left.pop()) {
      const { dataDir, said } = changedAt(change, at);
      const { code, stdout } = await verify(dataDir, '--anchor', anchors);
      expect([said, code, stdout]).toEqual([said, 1, expect.stringContaining('end unproven')]);
    }
  };
  await Promise.all(Array.from({ length: COMMANDS }, worker));
  const known = await readAnchors(anchors);
  const keys = readPublicKeys(readFileSync(publicKey, 'utf8'), publicKey);
  for (const at of places.slice(BY_COMMAND)) {
    const { dataDir, said } = changedAt(change, at);
    const wait = (): Promise<void> => Promise.resolve();
    const found = await verifyJournal({ dir: join(dataDir, 'journal'), anchors: known, keys, wait });
    expect([said, found.ok, found.end]).toEqual([said, false, { kind: 'unproven' }]);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function changedAt(change: (journal: string, at: Place) => string, at: Place): { dataDir: string; said: string } {
  let said = '';
  const dataDir = changed((journal) => {
    said = change(journal, at);
  });
  return { dataDir, said };
}

describe('audit verify over the journal of a gateway, of several segments', () => {
  it('finds it whole, and its end proven by the anchors', async () => {
    expect(names.length).toBeGreaterThan(2);
    const untouched = changed(() => undefined);
    const proven = await verify(untouched, '--anchor', anchors, '--public-key', publicKey);
    expect([proven.code, proven.stdout]).toEqual([0, expect.stringContaining('end proven up to the anchor')]);
    const alone = await verify(untouched);
    expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining('end unproven')]);
  });

  it('finds a byte that was edited, anywhere', { timeout: 120_000 }, async () => {
    await expectEachFound((journal, where) => {
      const file = join(journal, nameAt(where));
      const bytes = readFileSync(file);
      const at = where.at % bytes.length;
      const before = bytes[at] ?? 0;
      bytes[at] = before ^ (1 + (where.at % 127));
      writeFileSync(file, bytes);
      return `byte ${at} of ${nameAt(where)}: ${before} became ${bytes[at]}`;
    });
  });

  it('finds a line that was deleted, anywhere', { timeout: 120_000 }, async () => {
    await expectEachFound((journal, where) => {
      const file = join(journal, nameAt(where));
      const lines = linesOf(file);
      const [gone] = lines.splice(where.at % lines.length, 1);
      writeLines(file, lines);
      return `${nameAt(where)}: ${gone ?? ''}`;
    });
  });

  it(
    'finds a tail that was cut off, anywhere, and says "end unproven" without an anchor',
    { timeout: 120_000 },
    async () => {
      const cut = (journal: string, where: Place): string => {
        const file = join(journal, nameAt(where));
        const lines = linesOf(file);
        const left = where.at % lines.length;
        writeLines(file, lines.slice(0, left));
        for (const later of names.slice(names.indexOf(nameAt(where)) + 1)) rmSync(join(journal, later));
        return `after ${left} lines of ${nameAt(where)}`;
      };
      await expectEachFound(cut);
      const { code, stdout } = await verify(changed((journal) => void cut(journal, { segment: 1, at: 20 })));
      expect([code, stdout]).toEqual([0, expect.stringContaining('end unproven')]);
    },
  );

  it.each([
    ['the first segment', (all: readonly string[]) => all.slice(0, 1)],
    ['a segment in the middle', (all: readonly string[]) => all.slice(1, 2)],
    ['the last segment', (all: readonly string[]) => all.slice(-1)],
    ['all segments but the last', (all: readonly string[]) => all.slice(0, -1)],
    ['the whole journal', (all: readonly string[]) => all],
  ])('finds that %s is missing', async (_name, goneOf) => {
    const dataDir = changed((journal) => {
      for (const name of goneOf(names)) rmSync(join(journal, name));
    });
    expect((await verify(dataDir, '--anchor', linesOf(anchors).at(-1)?.split(' ')[0] ?? '')).code).toBe(1);
  });

  it('finds that the directory of the journal is missing', async () => {
    const dataDir = changed((journal) => rmSync(journal, { recursive: true }));
    expect((await verify(dataDir, '--anchor', anchors)).code).toBe(1);
    const without = await verify(dataDir);
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('expected a journal')]);
  });

  it('finds a journal that was written anew and signed with another key, by the key or by the anchor', async () => {
    const bodies = names.flatMap((name) => linesOf(join(gateway.dataDir, 'journal', name))).flatMap(bodyOf);
    const dataDir = changed((journal) => {
      for (const name of names) rmSync(join(journal, name));
    });
    rmSync(join(dataDir, 'journal-key.pub.pem'));
    const forged = await open(join(dataDir, 'journal'), {
      signing: await signingWith(dataDir, { segmentBytes: 64 * 1024, checkpointRecords: 50 }),
    });
    // All is as it was, but for one request that is not there.
    for (const body of bodies.slice(0, 3).concat(bodies.slice(5))) await forged.append(body, 'written');
    await forged.close();
    const own = await verify(dataDir);
    expect([own.code, own.stdout]).toEqual([0, expect.stringContaining('of the data folder itself')]);
    const byKey = await verify(dataDir, '--public-key', publicKey);
    expect([byKey.code, byKey.stdout]).toEqual([1, expect.stringContaining('none of those that were given')]);
    const byAnchor = await verify(dataDir, '--anchor', anchors);
    expect([byAnchor.code, byAnchor.stdout]).toEqual([1, expect.stringContaining('the journal was rewritten')]);
  });
});

/** What a record said before the journal gave it a place; nothing for the records of the journal itself. */
function bodyOf(line: string): RecordBody[] {
  const {
    v: _v,
    seq: _seq,
    id: _id,
    time: _time,
    prev: _prev,
    hash: _hash,
    ...body
  } = JSON.parse(line) as {
    readonly [member: string]: unknown;
  };
  return body['kind'] === 'checkpoint' ? [] : [body as unknown as RecordBody];
}
