import { readJson } from '../document/json.ts';
import { formatMistake, type Loaded, type Mistake } from '../document/mistake.ts';
import type { Action } from '../model/action.ts';
import { describeDecision, type Decision } from '../model/decision.ts';
import { isList, isMap, type Json, type Value, type ValueMap } from '../model/value.ts';
import type { EvaluationContext } from './context.ts';
import { CaseError, readAction, readInstant } from './case-action.ts';
import { compileRules, evaluate } from './evaluate.ts';
import { decideLayers, LAYERS } from './layers.ts';
import { loadPolicy } from './load.ts';
import { mergePolicies, type MergedPolicy } from './merge.ts';
import { planViolations } from './plan.ts';
import type { PolicyFile } from './policy.ts';

/** What stands in where a case does not say it. */
export interface CaseDefaults {
  /** The policy of lines that carry none; null when there is none either. */
  readonly policy: { readonly file: string; readonly text: string } | null;
  /** The time of lines that name none; milliseconds since the epoch. */
  readonly now: number;
}

/** The line that answers a case, ready for `JSON.stringify`. */
export type CaseAnswer = { readonly [key: string]: Json };

/** Bounds of one line: a policy of the largest size, written as JSON, and its action. */
const CASE_LIMITS = { maxDepth: 256, maxValues: 1_000_000 };

/**
 * Answers one line of a case file: one decision, a merge, layers or a plan, each with its own policy. A refused policy
 * and a line that is no case are answers too; nothing is thrown.
 */
export function answerCase(line: string, defaults: CaseDefaults): CaseAnswer {
  const read = readJson(line, CASE_LIMITS);
  if (!read.ok) return { id: null, error: 'case', message: `column ${read.offset + 1}: ${read.message}` };
  if (!isMap(read.value)) return { id: null, error: 'case', message: 'expected a JSON object' };
  const id = idOf(read.value);
  try {
    return { id, ...answer(read.value, defaults) };
  } catch (error) {
    if (error instanceof CaseError) return { id, error: 'case', message: error.message };
    if (error instanceof RefusedPolicy) return { id, ...error.answer };
    throw error;
  }
}

/** A policy of the case was refused. */
class RefusedPolicy extends Error {
  readonly answer: CaseAnswer;

  constructor(mistakes: readonly Mistake[]) {
    super('the policy was refused');
    const [first] = mistakes;
    const at = first === undefined ? '' : `${first.file}:${first.line}:${first.column}`;
    this.answer = { error: 'load', at, message: mistakes.map(formatMistake).join('\n') };
  }
}

function idOf(record: ValueMap): Json {
  const id = record.get('id');
  if (typeof id === 'string') return id;
  return typeof id === 'bigint' ? id.toString() : null;
}

function answer(record: ValueMap, defaults: CaseDefaults): CaseAnswer {
  const now = readInstant(record.get('now')) ?? defaults.now;
  const layers = record.get('layers');
  if (layers !== undefined) return answerLayers(layers, action(record), now);
  const policy = policyOf(record, defaults);
  const actions = record.get('actions');
  if (actions !== undefined) return answerPlan(policy, actions, now);
  const asked = action(record);
  return showDecision(evaluate(compileRules(policy.rules, policy.defaults), asked, contextOf(asked, now)));
}

function action(record: ValueMap): Action {
  return readAction(record.get('action'), 'action');
}

function policyOf(record: ValueMap, defaults: CaseDefaults): MergedPolicy {
  const files = record.get('files');
  if (files !== undefined) {
    if (!isList(files) || files.length === 0) throw new CaseError('files: expected a list of policy texts');
    const [first, ...others] = loadAll(files.map((text, index) => [`files[${index}]`, text]));
    if (first !== undefined) return mergePolicies(first, ...others);
  }
  const text = record.get('policy') ?? null;
  if (text !== null) return loadOne('policy', text);
  if (defaults.policy === null) throw new CaseError('the line carries no policy, and none was given for such lines');
  return loadOne(defaults.policy.file, defaults.policy.text);
}

function loadOne(file: string, text: Value): PolicyFile {
  const [policy] = loadAll([[file, text]]);
  if (policy === undefined) throw new CaseError('expected a policy');
  return policy;
}

/** Loads several texts, with the mistakes of all. */
function loadAll(texts: readonly (readonly [string, Value])[]): readonly PolicyFile[] {
  const policies: PolicyFile[] = [];
  const mistakes: Mistake[] = [];
  for (const [file, text] of texts) {
    if (typeof text !== 'string') throw new CaseError(`${file}: expected the text of a policy`);
    const loaded: Loaded<PolicyFile> = loadPolicy(text, file);
    if (loaded.ok) policies.push(loaded.value);
    else mistakes.push(...loaded.mistakes);
  }
  if (mistakes.length > 0) throw new RefusedPolicy(mistakes);
  return policies;
}

function contextOf(asked: Action, now: number): EvaluationContext {
  const agent = { id: asked.agentId, namespace: '', serviceAccount: '', pod: '' };
  return { now, request: null, agent, enforcement: 'captured' };
}

function answerLayers(layers: Value, asked: Action, now: number): CaseAnswer {
  if (!isMap(layers)) throw new CaseError('layers: expected an object with org, team and agent');
  const texts: (readonly [string, Value])[] = [];
  for (const layer of LAYERS) {
    const text = layers.get(layer) ?? null;
    if (text !== null) texts.push([`layers.${layer}`, text]);
  }
  const sets = loadAll(texts).map((file) => compileRules(file.rules, file.defaults));
  const { decision, conflicts } = decideLayers(sets, asked, contextOf(asked, now));
  return { ...showDecision(decision), conflicts };
}

function answerPlan(policy: MergedPolicy, actions: Value, now: number): CaseAnswer {
  if (!isList(actions)) throw new CaseError('actions: expected a list of actions');
  const set = compileRules(policy.rules, policy.defaults);
  const asked = actions.map((value, index) => readAction(value, `actions[${index}]`));
  const decisions = asked.map((one) => evaluate(set, one, contextOf(one, now)));
  const steps = asked.map((one, index) => ({
    type: one.type,
    riskLevel: decisions[index]?.riskLevel ?? ('critical' as const),
  }));
  const violations = planViolations(policy.plan, steps, 0).map((violation) => ({
    rule: violation.rule,
    approval: violation.approval,
    risk_level: violation.riskLevel,
    actions: violation.actions,
  }));
  return { decisions: decisions.map(showDecision), violations };
}

function showDecision(decision: Decision): CaseAnswer {
  const { approval, riskLevel, rule, reason } = decision;
  const shown = { approval, risk_level: riskLevel, rule };
  const plain = reason.kind === 'rule' || reason.kind === 'default' || reason.kind === 'no-policy';
  return plain ? shown : { ...shown, reason: describeDecision(decision) };
}
