import type { Effect } from '../model/action.ts';
import type { Condition } from './condition.ts';
import type { HostPattern } from './host-pattern.ts';
import type { PathTemplate } from './path-template.ts';
import { fieldName, type Pointer } from './pointer.ts';
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
  readonly namesRead: NamesRead;
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

/** Names of top-level values that are parameters of the entry already, by where they stand. */
export interface NamesRead {
  readonly query: ReadonlySet<string>;
  readonly json: ReadonlySet<string>;
  readonly form: ReadonlySet<string>;
  readonly item: ReadonlySet<string>;
}

/** The names that parameters read whole. In JSON that is what a pointer of one step names, in a form any field. */
export function namesRead(params: readonly Param[]): NamesRead {
  const places = params.flatMap(({ sources }) => sources.map(({ place }) => place));
  const bodies = places.filter((place) => place.kind === 'body' || place.kind === 'argument');
  return {
    query: new Set(
      places.flatMap((place) => (place.kind === 'query' || place.kind === 'argument' ? [place.name] : [])),
    ),
    json: new Set(bodies.flatMap(({ pointer }) => topLevelName(pointer))),
    form: new Set(bodies.map(({ pointer }) => fieldName(pointer))),
    item: new Set(places.flatMap((place) => (place.kind === 'item' ? topLevelName(place.pointer) : []))),
  };
}

function topLevelName({ tokens }: Pointer): readonly string[] {
  return tokens.length === 1 ? tokens : [];
}
