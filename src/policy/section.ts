import type { YamlDocument } from '../document/yaml.ts';
import { nonTextKey } from '../document/key.ts';
import { formatPath, suggestion, type Mistake } from '../document/mistake.ts';
import { Timestamp } from '../document/timestamp.ts';
import { Decimal, isList, isMap, type Value, type ValueMap } from '../model/value.ts';

/** A path into a document. */
export type Path = readonly (string | number)[];

/** Longer texts are cut in messages: the place says the rest. */
const MAX_SHOWN_CODE_UNITS = 60;

/** A file being read: the document, and the mistakes found in it so far. */
export class Reading {
  readonly document: YamlDocument;
  readonly mistakes: Mistake[] = [];

  constructor(document: YamlDocument) {
    this.document = document;
  }

  report(path: Path, message: string, part: 'key' | 'value' = 'value'): void {
    this.mistakes.push({ ...this.document.position(path, part), path: formatPath(path), message });
  }

  /** Reports every key that is not known; `definitions` lets those pass whose value carries an anchor. */
  checkKeys(map: ValueMap, path: Path, known: readonly string[], definitions: boolean = false): void {
    for (const key of map.keys()) {
      if (known.includes(key) || (definitions && this.document.anchored([...path, key]))) continue;
      const bare = nonTextKey(key);
      const shown = bare === null ? `unknown key ${JSON.stringify(key)}` : `the key ${bare} is not text`;
      const meant = bare === null ? suggestion(key, known) : '';
      this.report([...path, key], `${shown}${meant === '' ? `; expected one of ${known.join(', ')}` : meant}`, 'key');
    }
  }

  /** The mapping at a path, or null (reported) when there is something else. */
  mapping(value: Value, path: Path, expected: string): ValueMap | null {
    if (isMap(value)) return value;
    this.report(path, `found ${show(value)}; expected ${expected}`);
    return null;
  }

  /** One of a few words, or null (reported). */
  choice<Word extends string>(value: Value, path: Path, words: readonly Word[]): Word | null {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const meant = typeof value === 'string' ? suggestion(value, words) : '';
    this.report(path, `found ${show(value)}; expected one of ${words.join(', ')}${meant}`);
    return null;
  }
}

/** Empty to Python: null, false, 0, empty text, list or mapping. */
export function isEmptyToPython(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0n) return true;
  if (value instanceof Decimal) return value.value === 0;
  if (typeof value !== 'object') return false;
  return isList(value) ? value.length === 0 : isMap(value) && value.size === 0;
}

/** A value of the file as a message shows it. */
export function show(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return `the boolean ${value ? 'true' : 'false'} (quote it where text is meant)`;
  if (typeof value === 'string') return cut(JSON.stringify(value));
  if (typeof value === 'bigint') return `the number ${cut(value.toString())}`;
  if (value instanceof Timestamp) return `the date ${value.text} (quote it where text is meant)`;
  if (value instanceof Decimal) return `the number ${cut(value.text)}`;
  return isList(value) ? 'a list' : 'a mapping';
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CODE_UNITS ? `${text.slice(0, MAX_SHOWN_CODE_UNITS)}...` : text;
}
