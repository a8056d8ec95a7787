import type { EnforcementLevel } from '../model/decision.ts';
import type { ValueMap } from '../model/value.ts';

/** What a decision depends on besides the action: all of it is given, nothing is asked of the world. */
export interface EvaluationContext {
  /** The time of the decision; milliseconds since the epoch, with fractions where the clock has them. */
  readonly now: number;
  /** The request that carries the action; null where there is none (a test, a case file). */
  readonly request: RequestFacts | null;
  readonly agent: AgentFacts;
  readonly enforcement: EnforcementLevel;
}

/** What `when` may ask of a request. */
export interface RequestFacts {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The name of the route it came by; empty for none. */
  readonly route: string;
  readonly entry: string;
  /** Query parameters by name; one that repeats is a list. */
  readonly query: ValueMap;
  /** Header fields by lower-case name; a repeated field's values joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** The media type in lower case; empty for none. */
  readonly contentType: string;
  readonly bodyBytes: number;
}

/** Who acts, as the gateway knows it and not as the agent says. Empty where unknown. */
export interface AgentFacts {
  readonly id: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
}
