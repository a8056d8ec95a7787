import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AGENT_FILE, agentVariables } from '../../../src/certificates/agent-variables.ts';
import { LEAF_BURST, LEAVES_PER_SECOND, MAX_CACHED_LEAVES } from '../../../src/certificates/leaf-store.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { TLS_FAILURES } from '../../../src/model/tls-failure.ts';

const PAGE = readFileSync('docs/https.md', 'utf8');
/** The first cells of the rows of its tables. */
const CELLS = [...PAGE.matchAll(/^\| (.+?) \|/gmu)].map(([, cell = '']) => cell);
const SETTINGS = [...PAGE.matchAll(/^```yaml\n(.*?)^```/gmsu)]
  .map(([, block = '']) => block)
  .filter((block) => !block.startsWith('rules:'));

describe('docs/https.md', () => {
  it.each(Object.values(AGENT_FILE))('says what the file %s is', (name) => {
    expect(CELLS).toContain(`\`${name}\``);
  });

  it.each(
    [...agentVariables({ folder: '/x', host: '127.0.0.1', port: 1 }).keys()].filter((name) => /[A-Z]/u.test(name)),
  )('says who reads %s', (name) => {
    expect(CELLS.some((cell) => cell.includes(`\`${name}\``))).toBe(true);
  });

  it.each(TLS_FAILURES)('says what the failure %s of a client means', (failure) => {
    expect(CELLS.some((cell) => cell.includes(`\`${failure}\``))).toBe(true);
  });

  it('has the bounds of certificates right', () => {
    expect(PAGE).toContain(`${MAX_CACHED_LEAVES.toLocaleString('en')} hosts`);
    expect(PAGE.replaceAll('\n', ' ')).toContain(
      `At most ${LEAVES_PER_SECOND} new hosts a second, ${LEAF_BURST} at once`,
    );
  });

  it.each(SETTINGS)('has settings that load: %s', (block) => {
    const loaded = loadConfig(`version: 1\n${block}`, 'gateway.yaml', {});
    expect(loaded).toMatchObject({ ok: true });
  });
});
