import { YamlSyntaxError } from './cursor.ts';
import type { Mark, YamlNode } from './node.ts';

/**
 * Values after every alias is followed. 10,000 rules of 30 values each fit; a "billion laughs" (CWE-776), which is
 * harmless in memory because aliases share one value, would cost whoever walks it this many steps.
 */
const MAX_EXPANDED_VALUES = 1_000_000;

/** What `&name` has named so far, and how many values the document has with every `*name` followed. */
export class Anchors {
  readonly #targets = new Map<string, { readonly node: YamlNode; readonly size: number } | 'open'>();
  #size = 0;

  /** Counts values. Throws `YamlSyntaxError` beyond the bound. */
  grow(by: number, mark: Mark): void {
    this.#size += by;
    if (this.#size > MAX_EXPANDED_VALUES) {
      throw new YamlSyntaxError(mark, `more than ${MAX_EXPANDED_VALUES} values once every alias is followed`);
    }
  }

  /** Begins the node of an anchor; the answer is called with the node when it is complete. */
  open(anchor: string, mark: Mark): (node: YamlNode) => void {
    if (this.#targets.has(anchor))
      throw new YamlSyntaxError(mark, `&${anchor} is defined a second time; expected once`);
    this.#targets.set(anchor, 'open');
    const before = this.#size;
    return (node) => this.#targets.set(anchor, { node, size: this.#size - before });
  }

  /** The node that an alias stands for. */
  follow(name: string, mark: Mark): YamlNode {
    const target = this.#targets.get(name);
    if (target === undefined) throw new YamlSyntaxError(mark, `*${name} has no anchor before it; expected &${name}`);
    if (target === 'open') throw new YamlSyntaxError(mark, `*${name} stands inside of what it names`);
    this.grow(target.size, mark);
    return target.node;
  }
}
