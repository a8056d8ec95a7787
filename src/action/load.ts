import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Digest } from '../model/brand.ts';
import { checkShape } from '../document/check.ts';
import { formatPath, inFileOrder, type Loaded, type Mistake } from '../document/mistake.ts';
import { readYaml, type YamlDocument } from '../document/yaml.ts';
import type { ActionMap } from './action-map.ts';
import { compileEntry, hostPatterns } from './compile.ts';
import type { Entry } from './entry.ts';
import { HostIndex } from './host-pattern.ts';
import { PathIndex } from './path-index.ts';
import type { Report } from './report.ts';
import { actionMapSchema, entrySchema } from './schema.ts';
import { neverReached } from './unreachable.ts';

/** A file that was read. */
export interface MapText {
  readonly file: string;
  readonly text: string;
}

/** Where an entry stands, to report what is wrong with it beside others. */
interface Placed {
  readonly entry: Entry;
  readonly document: YamlDocument;
  readonly number: number;
}

/**
 * Loads action maps; the order of the files is the order of their entries. All mistakes of all files are reported. No
 * text gives a map without entries, by which every request gets the default mapping.
 */
export function loadActionMap(texts: readonly MapText[]): Loaded<ActionMap> {
  const mistakes: Mistake[] = [];
  const placed: Placed[] = [];
  for (const text of texts) {
    const loaded = loadFile(text);
    if (loaded.ok) placed.push(...loaded.value);
    else mistakes.push(...loaded.mistakes);
  }
  const entries = placed.map(({ entry }) => entry);
  if (mistakes.length === 0) {
    for (const { later, earlier } of neverReached(entries)) mistakes.push(...hiddenMistake(placed, later, earlier));
  }
  if (mistakes.length > 0) return { ok: false, mistakes };
  return { ok: true, value: { digest: digestOf(texts), entries, index: indexOf(entries) } };
}

/** The shape with the checks of each entry inside, so that a mistake in one entry does not hide those in others. */
const checkedSchema = actionMapSchema.extend({
  actions: z.array(
    entrySchema.superRefine((source, context) => {
      const report: Report = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
      compileEntry(source, { file: { host: '*' }, position: NOWHERE, report });
    }),
  ),
});

const NOWHERE = { file: '', line: 0, column: 0 };

function loadFile({ file, text }: MapText): Loaded<readonly Placed[]> {
  const document = readYaml(text, file);
  if (!document.ok) return document;
  const shape = checkShape(document.value, checkedSchema);
  if (!shape.ok) return shape;
  const mistakes: Mistake[] = [];
  const report = (path: readonly (string | number)[], message: string): void => {
    mistakes.push({ ...document.value.position(path), path: formatPath(path), message });
  };
  hostPatterns(shape.value.host, (message, index) => report(['host', ...(index === null ? [] : [index])], message));
  const placed = shape.value.actions.map((source, number): Placed => {
    const entry = compileEntry(source, {
      file: shape.value,
      position: document.value.position(['actions', number]),
      report: (path, message) => report(['actions', number, ...path], message),
    });
    return { entry, document: document.value, number };
  });
  return mistakes.length === 0 ? { ok: true, value: placed } : { ok: false, mistakes: inFileOrder(mistakes) };
}

function hiddenMistake(placed: readonly Placed[], later: Entry, earlier: Entry): readonly Mistake[] {
  const found = placed.find(({ entry }) => entry === later);
  if (found === undefined) return [];
  const path = ['actions', found.number];
  const message =
    `no request reaches this entry: the one at ${earlier.at} takes all that it would; ` +
    'expected other conditions, or this entry before that one';
  return [{ ...found.document.position(path), path: formatPath(path), message }];
}

function indexOf(entries: readonly Entry[]): HostIndex<PathIndex> {
  const index = new HostIndex<PathIndex>();
  for (const entry of entries) {
    for (const host of entry.hosts) index.at(host, () => new PathIndex()).add(entry);
  }
  return index;
}

/** The lengths keep the boundaries between files apart from their content. */
function digestOf(texts: readonly MapText[]): Digest {
  const hash = createHash('sha256');
  for (const { text } of texts) hash.update(`${Buffer.byteLength(text)}:`).update(text);
  const digest = hash.digest('hex');
  if (!isDigest(digest)) throw new Error('SHA-256 is not 64 hexadecimal digits');
  return digest;
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/u.test(text);
}
