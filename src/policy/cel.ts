import type { Action } from '../model/action.ts';
import type { Reason } from '../model/decision.ts';
import type { EvaluationContext } from './context.ts';

/** A checked CEL expression. */
export interface CelProgram {
  readonly source: string;
}
export interface CelInput {
  readonly action: Action;
}
export function celInput(action: Action, _context: EvaluationContext): CelInput {
  return { action };
}
export function runCel(_program: CelProgram, _input: CelInput): boolean | Extract<Reason, { kind: 'evaluation-error' }> {
  return false;
}
export function compileCel(
  source: string,
): { readonly ok: true; readonly program: CelProgram } | { readonly ok: false; readonly message: string } {
  return { ok: true, program: { source } };
}
