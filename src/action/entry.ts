import type { Effect } from '../model/action.ts';
import type { Condition } from './condition.ts';
import type { HostPattern } from './host-pattern.ts';
import type { PathTemplate } from './path-template.ts';
import type { Pointer } from './pointer.ts';
import type { Source } from './source.ts';
import type { TextTemplate } from './text-template.ts';

/** One entry of an action map, compiled. */
export interface Entry {
  /** Where it stands, as `file:line`. */
  readonly at: string;
  readonly hosts: readonly HostPattern[];
  /** Null is every method. */
  readonly methods: readonly string[] | null;
  readonly template: PathTemplate;
  readonly formatSuffixes: readonly string[];
  /** Captures that become lower case. */
  readonly ignoreCase: ReadonlySet<string>;
  readonly conditions: readonly Condition[];
  readonly type: TextTemplate;
  /** Null is the host. */
  readonly target: TextTemplate | null;
  readonly description: TextTemplate;
  readonly params: readonly Param[];
  /** Parameters without which the request is refused: those that `required`, type and target name. */
  readonly required: ReadonlySet<string>;
  readonly keepsOthers: boolean;
  readonly effect: Effect | null;
  readonly amountParam: string | null;
  readonly each: Pointer | null;
  readonly streams: boolean;
  readonly bodyLimitBytes: number | null;
  /** True when the body has to be readable: a condition or a parameter is read from it. */
  readonly readsBody: boolean;
}

export interface Param {
  readonly name: string;
  readonly sources: readonly Source[];
}

/** Whether an entry reads a value of the request (or of its item) whole, by a condition or a parameter. */
export function reads(entry: Entry, kind: 'query' | 'header' | 'body' | 'item', name: string): boolean {
  const places = [
    ...entry.conditions.map(({ place }) => place),
    ...entry.params.flatMap(({ sources }) => sources.map(({ place }) => place)),
  ];
  return places.some((place) => {
    if (place.kind === 'argument') return (kind === 'query' || kind === 'body') && place.name === name;
    if (place.kind !== kind) return false;
    return 'pointer' in place
      ? place.pointer.tokens.length === 1 && place.pointer.tokens[0] === name
      : place.name === name;
  });
}
