import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { FaultError } from '../../src/model/fault.ts';
import type { Journal } from '../../src/model/ports.ts';
import type { AuditRecord, RecordBody } from '../../src/model/record.ts';
import { Reloader, type ReloadOptions } from '../../src/reload.ts';
import { loadParts, type Parts } from '../../src/world.ts';
import { keptLog } from './audit/bodies.ts';

const policyOf = (approval: string): string =>
  `version: "1"\nrules:\n  - {name: all, match: {type: "*"}, risk_level: low, approval: ${approval}}\n`;

let folder = '';
let reloader: Reloader | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-reload-'));
  await writeFile(join(folder, 'policy.yaml'), policyOf('auto'));
  await writeFile(join(folder, 'gateway.yaml'), 'version: 1\npolicy: {files: [policy.yaml]}\n');
});
afterEach(async () => {
  await reloader?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A journal that refuses the first records, and keeps the rest. */
class FakeJournal implements Journal {
  readonly records: RecordBody[] = [];
  refusals = 0;

  append(body: RecordBody): Promise<AuditRecord> {
    if (this.refusals > 0) {
      this.refusals -= 1;
      return Promise.reject(new FaultError('audit-unavailable', 'the disk is full'));
    }
    this.records.push(body);
    // Nobody looks at what the journal made of it.
    return Promise.resolve({ ...body } as AuditRecord);
  }
}

interface World {
  readonly journal: FakeJournal;
  /** The digests of the policies that came into force, as approvals of their rule. */
  readonly applied: string[];
  readonly options: ReloadOptions;
}

async function world(
  apply: (parts: Parts) => void = () => undefined,
  prepare: (parts: Parts) => Promise<void> = () => Promise.resolve(),
): Promise<World> {
  const configFile = join(folder, 'gateway.yaml');
  const config = valueOf(loadConfig('version: 1\npolicy: {files: [policy.yaml]}\n', configFile, {}));
  const parts = valueOf(await loadParts(config, null));
  const journal = new FakeJournal();
  const applied: string[] = [];
  const options: ReloadOptions = {
    config,
    configFile,
    builtIn: null,
    environment: {},
    parts,
    journal,
    log: keptLog(),
    prepare: async (next: Parts) => {
      await prepare(next);
    },
    apply: (_config: Config, next: Parts) => {
      apply(next);
      applied.push(next.policy.files[0]?.rules[0]?.approval ?? '');
    },
    counted: () => undefined,
  };
  return { journal, applied, options };
}

function valueOf<T>(loaded: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!loaded.ok) throw new Error('expected files without mistakes');
  return loaded.value;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 5));
}

describe('a policy that changes', () => {
  it('between its loading and the first look at its file comes into force', async () => {
    const { applied, journal, options } = await world();
    await writeFile(join(folder, 'policy.yaml'), policyOf('block'));
    reloader = new Reloader(options);
    await reloader.start();
    expect(applied.at(-1)).toBe('block');
    expect(journal.records).toMatchObject([{ kind: 'lifecycle', event: 'policy-loaded' }]);
  });

  it('while the journal cannot be written comes into force all the same, and is recorded when it can', async () => {
    const { applied, journal, options } = await world();
    journal.refusals = 1;
    await writeFile(join(folder, 'policy.yaml'), policyOf('block'));
    reloader = new Reloader(options);
    await reloader.start();
    expect(applied.at(-1)).toBe('block');
    expect(reloader.status('policy')).toMatchObject({ ok: true });
    await until(() => journal.records.length > 0);
    expect(journal.records).toMatchObject([{ kind: 'lifecycle', event: 'policy-loaded' }]);
  });

  it('is not said to be loaded when it cannot be brought into force', async () => {
    const { journal, options } = await world(() => {
      throw new Error('the certificate is missing');
    });
    await writeFile(join(folder, 'policy.yaml'), policyOf('block'));
    reloader = new Reloader(options);
    await reloader.start();
    expect(reloader.status('config').detail).toMatch(/not applied: the certificate is missing/u);
    expect(journal.records).toMatchObject([{ kind: 'lifecycle', event: 'config-rejected' }]);
  });

  it('comes into force once what it needs is ready, and not where that cannot be had', async () => {
    const order: string[] = [];
    const { applied, options } = await world(
      () => void order.push('applied'),
      async ({ policy }) => {
        await Promise.resolve();
        order.push('ready');
        if (policy.files[0]?.rules[0]?.approval === 'approve') throw new Error('EIO: the journal cannot be read');
      },
    );
    await writeFile(join(folder, 'policy.yaml'), policyOf('block'));
    reloader = new Reloader(options);
    await reloader.start();
    expect(order).toEqual(['ready', 'applied']);
    await writeFile(join(folder, 'policy.yaml'), policyOf('approve'));
    await until(() => reloader?.status('config').ok === false);
    expect(reloader.status('config').detail).toMatch(/not applied: EIO: the journal cannot be read/u);
    expect(applied.at(-1)).toBe('block');
  });

  it('says nothing of files that are as they were loaded', async () => {
    const { journal, options } = await world();
    reloader = new Reloader(options);
    await reloader.start();
    expect(journal.records).toEqual([]);
  });
});
