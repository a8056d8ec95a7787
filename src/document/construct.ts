import type { Value } from '../model/value.ts';
import type { ListNode, MapNode, Problem, YamlNode } from './node.ts';
import { implicitTag, resolveScalar, TAG_PREFIX } from './resolve.ts';
import { keyIdentity, markNonTextKey, showKey } from './key.ts';

/** A key with its value, where the merge of `<<` has put it. */
export interface PlacedEntry {
  readonly key: string;
  readonly keyNode: YamlNode;
  readonly valueNode: YamlNode;
}

type Path = readonly (string | number)[];

/**
 * Turns nodes into values, and remembers the entries of each mapping, so that a path can be traced back to its place.
 * A node that several aliases name becomes one value.
 */
export class Construction {
  readonly problems: Problem[] = [];
  readonly #values = new Map<YamlNode, Value>();
  readonly #entries = new Map<MapNode, ReadonlyMap<string, PlacedEntry>>();

  /** The entries of a mapping by key, merged ones included. */
  entriesOf(node: MapNode): ReadonlyMap<string, PlacedEntry> {
    return this.#entries.get(node) ?? new Map();
  }

  value(node: YamlNode, path: Path): Value {
    const known = this.#values.get(node);
    if (known !== undefined) return known;
    const value = this.#construct(node, path);
    this.#values.set(node, value);
    return value;
  }

  #construct(node: YamlNode, path: Path): Value {
    if (node.kind === 'scalar') {
      const resolved = resolveScalar(node);
      if (resolved.ok) return resolved.value;
      return this.#refuse(node, path, resolved.message);
    }
    const expected = `${TAG_PREFIX}${node.kind === 'list' ? 'seq' : 'map'}`;
    if (node.tag !== null && node.tag !== '!' && node.tag !== expected) {
      const tag = node.tag.startsWith(TAG_PREFIX) ? `!!${node.tag.slice(TAG_PREFIX.length)}` : JSON.stringify(node.tag);
      return this.#refuse(node, path, `the tag ${tag} is not supported here; expected a plain list or mapping`);
    }
    if (node.kind === 'list') return node.items.map((item, index) => this.value(item, [...path, index]));
    return this.#mapping(node, path);
  }

  #refuse(node: YamlNode, path: Path, message: string): Value {
    this.problems.push({ mark: node.mark, path, message });
    return null;
  }

  #mapping(node: MapNode, path: Path): Value {
    const placed = this.#place(node, path);
    const result = new Map<string, Value>();
    for (const [key, entry] of placed) result.set(key, this.value(entry.valueNode, [...path, key]));
    return result;
  }

  /** The merged entries first, in the order of PyYAML, then the mapping's own, which override them in place. */
  #place(node: MapNode, path: Path): ReadonlyMap<string, PlacedEntry> {
    const known = this.#entries.get(node);
    if (known !== undefined) return known;
    const placed = new Map<string, PlacedEntry>();
    this.#entries.set(node, placed);
    for (const { key, value } of node.entries) {
      if (isMergeKey(key)) for (const [name, entry] of this.#merged(value, path)) placed.set(name, entry);
    }
    this.#placeOwn(node, path, placed);
    return placed;
  }

  #placeOwn(node: MapNode, path: Path, placed: Map<string, PlacedEntry>): void {
    const own = new Set<string>();
    for (const { key, value } of node.entries) {
      const merge = isMergeKey(key);
      const name = merge ? '<<' : this.#key(key, path);
      if (name === null) continue;
      const identity = merge ? 'merge' : `key ${keyIdentity(name)}`;
      if (own.has(identity)) {
        const message = `the key ${showKey(name)} is written a second time; expected each key once`;
        this.problems.push({ mark: key.mark, path: [...path, name], message });
        continue;
      }
      own.add(identity);
      if (!merge) placed.set(name, { key: name, keyNode: key, valueNode: value });
    }
  }

  #merged(node: YamlNode, path: Path): ReadonlyMap<string, PlacedEntry> {
    // What is overridden must be readable too.
    this.value(node, path);
    if (node.kind === 'map') return this.#place(node, path);
    if (node.kind === 'list') return this.#mergedList(node, path);
    this.#refuse(node, path, 'expected a mapping, or a list of mappings, to merge (<<)');
    return new Map();
  }

  /** Which of several merged mappings wins differs between versions of PyYAML, so that none may repeat a key. */
  #mergedList(node: ListNode, path: Path): ReadonlyMap<string, PlacedEntry> {
    const merged = new Map<string, PlacedEntry>();
    for (const item of node.items) {
      if (item.kind !== 'map') {
        this.#refuse(item, path, 'expected a mapping to merge (<<)');
        continue;
      }
      for (const [name, entry] of this.#place(item, path)) {
        const earlier = merged.get(name);
        if (earlier !== undefined && earlier.valueNode !== entry.valueNode) {
          this.#refuse(item, path, `two merged mappings set ${showKey(name)}; expected it in one of them`);
        }
        merged.set(name, entry);
      }
    }
    return merged;
  }

  /** The text of a key; null (and a problem) for a key that Python cannot hash. */
  #key(node: YamlNode, path: Path): string | null {
    if (node.kind !== 'scalar') {
      this.problems.push({ mark: node.mark, path, message: 'a list or mapping cannot be a key; expected text' });
      return null;
    }
    if (implicitTag(node) === `${TAG_PREFIX}value`) return '=';
    const value = this.value(node, path);
    return typeof value === 'string' ? value : markNonTextKey(value);
  }
}

/** PyYAML treats a plain `<<`, and any key tagged `!!merge`, as the merge key. */
function isMergeKey(node: YamlNode): boolean {
  return node.kind === 'scalar' && implicitTag(node) === `${TAG_PREFIX}merge`;
}
