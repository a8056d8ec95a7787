import type { Value } from '../model/value.ts';
import { compose } from './compose.ts';
import { Construction } from './construct.ts';
import { formatPath, inFileOrder, type Loaded, type Mistake, type Position } from './mistake.ts';
import type { Mark, YamlNode } from './node.ts';

/** 10,000 rules take about 2 MiB; a larger file is a mistake or an attack on whoever loads it. */
const MAX_FILE_CODE_UNITS = 8 * 1024 * 1024;

/** One YAML file, read. */
export interface YamlDocument {
  readonly file: string;
  readonly root: Value;
  /**
   * Where the value (or the key) at a path stands. A path that does not exist is answered with the nearest existing
   * ancestor, so that a missing key points at the mapping that lacks it.
   */
  position(path: readonly (string | number)[], part?: 'key' | 'value'): Position;
  /** True when the value at the path carries an anchor: a definition for later use. */
  anchored(path: readonly (string | number)[]): boolean;
  /** The text of the scalar at the path as written, without quotes; null for a list, a mapping or nothing. */
  written(path: readonly (string | number)[]): string | null;
}

/** Characters that PyYAML's reader refuses anywhere in a file. Lone surrogates are among them. */
const UNPRINTABLE = /[^\t\n\r\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
/**
 * Reads a file in the dialect of PyYAML's safe loader. An empty file is null. All mistakes of the values are reported
 * at once; in a text that is no YAML, the first.
 */
export function readYaml(text: string, file: string): Loaded<YamlDocument> {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const refusal = refuseText(source);
  if (refusal !== null) return refuseAt(file, refusal.mark, refusal.message);
  const composed = compose(source);
  if (!composed.ok) return { ok: false, mistakes: [mistakeOf(file, composed.problem)] };
  const construction = new Construction();
  const root = composed.node === null ? null : construction.value(composed.node, []);
  if (construction.problems.length > 0) {
    return { ok: false, mistakes: inFileOrder(construction.problems.map((problem) => mistakeOf(file, problem))) };
  }
  return { ok: true, value: new ReadDocument(file, root, composed.node, construction) };
}

function refuseText(source: string): { readonly mark: Mark; readonly message: string } | null {
  const start = { line: 1, column: 1 };
  if (source.length > MAX_FILE_CODE_UNITS) {
    return { mark: start, message: `the file is longer than ${MAX_FILE_CODE_UNITS} characters` };
  }
  const unprintable = UNPRINTABLE.exec(source);
  if (unprintable === null) return null;
  const code = (unprintable[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return {
    mark: markOf(source, unprintable.index),
    message: `the character U+${code} is not allowed in YAML; expected it as an escape in double quotes`,
  };
}

function markOf(source: string, offset: number): Mark {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

function refuseAt(file: string, mark: Mark, message: string): Loaded<YamlDocument> {
  return { ok: false, mistakes: [{ file, line: mark.line, column: mark.column, path: '', message }] };
}

function mistakeOf(
  file: string,
  problem: { readonly mark: Mark; readonly path: readonly (string | number)[]; readonly message: string },
): Mistake {
  const { mark, path, message } = problem;
  return { file, line: mark.line, column: mark.column, path: formatPath(path), message };
}

class ReadDocument implements YamlDocument {
  readonly file: string;
  readonly root: Value;
  readonly #node: YamlNode | null;
  readonly #construction: Construction;

  constructor(file: string, root: Value, node: YamlNode | null, construction: Construction) {
    this.file = file;
    this.root = root;
    this.#node = node;
    this.#construction = construction;
  }

  position(path: readonly (string | number)[], part: 'key' | 'value' = 'value'): Position {
    const found = this.#find(path);
    const mark = part === 'key' ? found.key : (found.value?.mark ?? found.key);
    return { file: this.file, line: mark.line, column: mark.column };
  }

  anchored(path: readonly (string | number)[]): boolean {
    const found = this.#find(path);
    return found.whole && found.value?.anchored === true;
  }

  written(path: readonly (string | number)[]): string | null {
    const found = this.#find(path);
    return found.whole && found.value?.kind === 'scalar' ? found.value.text : null;
  }

  #find(path: readonly (string | number)[]): { key: Mark; value: YamlNode | null; whole: boolean } {
    let value = this.#node;
    let key: Mark = value?.mark ?? { line: 1, column: 1 };
    for (const step of path) {
      const next = this.#step(value, step);
      if (next === null) return { key, value, whole: false };
      key = next.key;
      value = next.value;
    }
    return { key, value, whole: true };
  }

  #step(node: YamlNode | null, step: string | number): { key: Mark; value: YamlNode } | null {
    if (node?.kind === 'list' && typeof step === 'number') {
      const item = node.items[step];
      return item === undefined ? null : { key: item.mark, value: item };
    }
    if (node?.kind !== 'map') return null;
    const entry = this.#construction.entriesOf(node).get(String(step));
    return entry === undefined ? null : { key: entry.keyNode.mark, value: entry.valueNode };
  }
}
