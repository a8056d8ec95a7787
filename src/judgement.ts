import { classify, type ActionMap } from './action/classify.ts';
import { bindingOf, fingerprintOf } from './binding/fingerprint.ts';
import type { CallView, ExchangeFacts } from './evidence/records.ts';
import type { Actions } from './model/action.ts';
import type { ApprovalAsk, ApprovalRecord } from './model/approval.ts';
import { describeDecision, type EnforcementLevel, type Verdict } from './model/decision.ts';
import { FaultError, passed, type Outcome } from './model/fault.ts';
import type { SessionStep, Upstream } from './model/ports.ts';
import type { CanonicalRequest, RawHead, RequestBody } from './model/request.ts';
import type { AgentFacts } from './policy/context.ts';
import { decide, lookBackMs, type PolicySet } from './policy/policy-set.ts';
import { redactActions, redactRawHead, redactRequest, type Redactor } from './redaction/redact.ts';
import type { BodyLimits } from './request/body.ts';
import type { RequestSettings } from './request/canonicalize.ts';
import { requestFacts } from './request/facts.ts';

/** One version of everything that a verdict depends on. A reload replaces it as a whole. */
export interface World {
  readonly request: RequestSettings;
  readonly body: BodyLimits;
  readonly actions: ActionMap;
  readonly policy: PolicySet;
  readonly redactor: Redactor;
  readonly upstream: Upstream;
  readonly agent: AgentFacts;
  readonly enforcement: EnforcementLevel;
  /** The routes to whose approved requests an Idempotency-Key is added. */
  readonly keyedRoutes: ReadonlySet<string>;
}

/** A request that was read and judged, in one version of the world. */
export interface Judged {
  readonly world: World;
  readonly request: CanonicalRequest;
  readonly body: RequestBody;
  readonly actions: Actions;
  readonly verdict: Verdict;
}

/** The moment of a judgement, and what the agent did before it. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly recent: (agentId: string, since: number) => readonly SessionStep[];
}

/** Judges a request that was read: what it does, and what policy says of it now. */
export function judgeIn(world: World, request: CanonicalRequest, body: RequestBody, moment: Moment): Outcome<Judged> {
  const { agent, enforcement, policy } = world;
  const actions = classify(world.actions, request, body, agent.id);
  if (!actions.ok) return actions;
  const context = { now: moment.now, request: requestFacts(request, body), agent, enforcement };
  const history = sessionOf(world, moment);
  if (!history.ok) return history;
  const verdict = decide(policy, actions.value, context, history.value);
  return passed({ world, request, body, actions: actions.value, verdict });
}

/** What the agent did lately, where plan rules ask for it. A history that cannot be told is a fault. */
function sessionOf({ agent, policy }: World, { now, recent }: Moment): Outcome<readonly SessionStep[]> {
  const backMs = lookBackMs(policy);
  if (backMs === 0) return passed([]);
  try {
    return passed(recent(agent.id, now - backMs));
  } catch (error) {
    if (error instanceof FaultError) return { ok: false, fault: error.fault };
    throw error;
  }
}

/** The steps that a judged request adds to its agent's session. */
export function stepsOf({ actions, verdict }: Judged, at: number): readonly SessionStep[] {
  return actions.map(({ type }, index) => {
    const riskLevel = verdict.decisions[index]?.riskLevel ?? verdict.decision.riskLevel;
    return { at, type, riskLevel };
  });
}

/**
 * What a human is asked about a judged request, bound to exactly what will be sent. Fault: credential-unavailable.
 */
export function askFor({ world, request, body, actions, verdict }: Judged, exchangeId: string): Outcome<ApprovalAsk> {
  const credential = world.upstream.credentialGeneration(request);
  if (!credential.ok) return credential;
  const { decision, policyDigest } = verdict;
  const binding = bindingOf({
    request,
    body,
    actions,
    agentId: world.agent.id,
    policyDigest,
    actionMapDigest: world.actions.digest,
    credentialGeneration: credential.value,
  });
  return passed({
    fingerprint: fingerprintOf(binding),
    binding,
    agentId: world.agent.id,
    request: redactRequest(request, body, world.redactor),
    actions: redactActions(actions, world.redactor),
    rule: decision.rule,
    why: describeDecision(decision),
    riskLevel: decision.riskLevel,
    terms: decision.terms,
    exchangeId,
  });
}

/** As much of a call as is known when it ends. */
export interface Known {
  readonly request?: CanonicalRequest;
  readonly body?: RequestBody;
  readonly judged?: Judged;
  readonly approval?: ApprovalRecord;
}

/** What may be stored of a call, judged or not. */
export function viewOf(world: World, head: RawHead, known: Known): CallView {
  const { judged, approval = null } = known;
  const { redactor } = world;
  if (judged !== undefined) {
    const request = redactRequest(judged.request, judged.body, redactor);
    return { request, actions: redactActions(judged.actions, redactor), verdict: judged.verdict, approval };
  }
  const { request, body = null } = known;
  const view = request === undefined ? redactRawHead(head, redactor) : redactRequest(request, body, redactor);
  return { request: view, actions: [], verdict: null, approval };
}

/** What every record of an exchange starts with. */
export function factsOf(world: World, exchangeId: string): ExchangeFacts {
  return { exchangeId, agentId: world.agent.id, enforcement: world.enforcement };
}

/**
 * The Idempotency-Key of an approved request on a route that asks for one: the same for every attempt under one
 * approval, and another for the next approval.
 */
export function idempotencyKeyOf(judged: Judged, approval: ApprovalRecord | null): string | null {
  const { route } = judged.request;
  if (approval === null || route === null || !judged.world.keyedRoutes.has(route)) return null;
  return `${approval.name}-${approval.ask.fingerprint.slice(0, 32)}`;
}
