import type { ValueMap } from './value.ts';

/** What an action does to the world, where a map entry says so. */
export type Effect = 'read-only' | 'reversible' | 'irreversible';

/** One thing that an agent wants done: what policy judges. */
export interface Action {
  readonly type: string;
  readonly target: string;
  readonly params: ValueMap;
  readonly description: string;
  /** The identity of the agent; empty when it has none (an Aegis policy then compares it as the text `*`). */
  readonly agentId: string;
  readonly effect: Effect | null;
  /** The name of the parameter that is the amount, where a map entry names one. */
  readonly amountParam: string | null;
  /** The map entry that made this action, as `file:line`; null for the default mapping. */
  readonly mappedBy: string | null;
}

/** The actions of one request: at least one. */
export type Actions = readonly [Action, ...Action[]];
