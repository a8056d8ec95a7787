import { readFileSync } from 'node:fs';
import { readJson } from '../../src/document/json.ts';
import { isMap, type Value, type ValueMap } from '../../src/model/value.ts';

/** The lines of a file of test/cases, each a JSON object; `\n` ends a line and nothing else does. */
export function caseLines(name: string): readonly string[] {
  return readFileSync(new URL(`../cases/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .slice(0, -1);
}

/** A line as an object, its numbers exact. */
export function caseObject(line: string): ValueMap {
  const read = readJson(line, { maxDepth: 64, maxValues: 100_000 });
  if (!read.ok) throw new Error(`${read.message} in ${line}`);
  return mappingOf(read.value);
}

export function mappingOf(value: Value | undefined): ValueMap {
  if (value === undefined || !isMap(value)) throw new Error('expected a mapping');
  return value;
}

export function textOf(value: Value | undefined): string {
  if (typeof value !== 'string') throw new Error('expected text');
  return value;
}
