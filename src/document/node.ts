/** A place in the text, counted from 1. */
export interface Mark {
  readonly line: number;
  readonly column: number;
}

/**
 * A document after parsing and before its scalars mean anything: what the resolver needs of each node, and where it
 * stands. An alias is the node that it names, so a node may be reached by more than one way.
 */
export type YamlNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly mark: Mark;
  /** The tag as written and resolved (`tag:yaml.org,2002:int`); null when there is none. */
  readonly tag: string | null;
  readonly text: string;
  /** Written without quotes, so that its form says its type. */
  readonly plain: boolean;
  readonly anchored: boolean;
}

export interface ListNode {
  readonly kind: 'list';
  readonly mark: Mark;
  readonly tag: string | null;
  readonly items: readonly YamlNode[];
  readonly anchored: boolean;
}

export interface MapNode {
  readonly kind: 'map';
  readonly mark: Mark;
  readonly tag: string | null;
  readonly entries: readonly MapEntry[];
  readonly anchored: boolean;
}

export interface MapEntry {
  readonly key: YamlNode;
  readonly value: YamlNode;
}

/** What is wrong with a text, where. */
export interface Problem {
  readonly mark: Mark;
  readonly path: readonly (string | number)[];
  readonly message: string;
}
