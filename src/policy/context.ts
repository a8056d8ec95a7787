import type { EnforcementLevel } from '../model/decision.ts';
import type { RequestFacts } from '../model/facts.ts';

/** What a decision depends on besides the action: all of it is given, nothing is asked of the world. */
export interface EvaluationContext {
  /** The time of the decision; milliseconds since the epoch, with fractions where the clock has them. */
  readonly now: number;
  /** The request that carries the action; null where there is none (a test, a case file). */
  readonly request: RequestFacts | null;
  readonly agent: AgentFacts;
  readonly enforcement: EnforcementLevel;
}

/** Who acts, as the gateway knows it and not as the agent says. Empty where unknown. */
export interface AgentFacts {
  readonly id: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
}
