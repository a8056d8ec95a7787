import { bodyPlan } from './action/classify.ts';
import { changedPart, voidReasonOf } from './binding/fingerprint.ts';
import { intentRecord, outcomeRecord, refusalRecord } from './evidence/records.ts';
import { holdFault, problemMembers, retryAfterSeconds } from './evidence/refusal.ts';
import { askFor, factsOf, idempotencyKeyOf, judgeIn, stepsOf, viewOf } from './judgement.ts';
import type { Judged, Known, World } from './judgement.ts';
import type { ApprovalAsk, ApprovalRecord } from './model/approval.ts';
import { describeDecision, RISK_LEVELS } from './model/decision.ts';
import { FaultError, passed, type Fault, type Outcome } from './model/fault.ts';
import type * as ports from './model/ports.ts';
import type { RequestBody } from './model/request.ts';
import { receiveBody } from './received-body.ts';
import { opaqueBody } from './request/body.ts';
import { redactFault } from './redaction/redact.ts';
import { canonicalize } from './request/canonicalize.ts';

/** What the exchange needs beside the pure stages. */
export interface ExchangePorts {
  readonly clock: ports.Clock;
  readonly newId: () => string;
  /** The version of the world at this moment. */
  readonly world: () => World;
  readonly journal: ports.Journal;
  readonly approvals: ports.ApprovalGate;
  readonly refusals: ports.Refusals;
  readonly history: ports.SessionHistory;
  readonly meter: ports.Meter;
  readonly log: ports.Log;
}

/** A call on its way. */
interface Call extends ExchangePorts {
  readonly id: string;
  readonly raw: ports.RawExchange;
  /** The version of the world that it came into. */
  readonly entered: World;
  readonly startedAt: number;
}

/** A call that ends without being forwarded, and as much of it as was known by then. */
interface Stop extends Known {
  readonly fault: Fault;
  readonly retryAfterMs?: number;
}
type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly stop: Stop };

/** A request with the grant under which it may pass. */
interface Granted {
  readonly judged: Judged;
  readonly approval: ApprovalRecord;
}

/**
 * The life of one call: read it, judge it, hold it for a human where the policy says so, record the intent, forward it,
 * record the outcome. Whatever ends it earlier is recorded and answered. Nothing is forwarded on any other path.
 */
export async function exchange(raw: ports.RawExchange, given: ExchangePorts): Promise<void> {
  const call: Call = { ...given, id: given.newId(), raw, entered: given.world(), startedAt: given.clock.monotonic() };
  call.meter.received(raw.head.entry);
  const judged = await judge(call);
  if (!judged.ok) return await refuse(call, judged.stop);
  const { decision } = judged.value.verdict;
  call.meter.judged(secondsOf(call));
  call.meter.decided(decision.approval, decision.riskLevel, decision.rule);
  switch (decision.approval) {
    case 'block':
      return await refuse(call, { fault: blockedBy(judged.value), judged: judged.value });
    case 'auto':
      return await release(call, { judged: judged.value });
    case 'approve': {
      const held = await hold(call, judged.value);
      return held.ok ? await release(call, held.value) : await refuse(call, held.stop);
    }
    default:
      return decision.approval satisfies never;
  }
}

async function judge(call: Call, before: RequestBody | null = null): Promise<Step<Judged>> {
  const { entered, raw } = call;
  const request = canonicalize(raw.head, entered.request);
  if (!request.ok) return stop({ fault: request.fault });
  if (request.value.upgrade !== null && raw.client.kind !== 'upgrade') {
    const detail = 'expected nothing else on the connection of a WebSocket handshake, found another request';
    return stop({ fault: { code: 'unsupported-upgrade', detail }, request: request.value });
  }
  const body = await receiveBody(raw.body, request.value, entered, before);
  // A body can take minutes to arrive: what was reloaded meanwhile decides.
  const world = call.world();
  if (world !== entered) return await judge({ ...call, entered: world }, body.ok ? body.value : before);
  if (!body.ok) return stop({ fault: body.fault, request: request.value });
  const judged = judgeIn(entered, request.value, body.value, momentOf(call));
  if (!judged.ok) return stop({ fault: judged.fault, request: request.value, body: body.value });
  if (judged.value.verdict.decision.approval === 'auto') claim(call, judged.value);
  return { ok: true, value: judged.value };
}

/** Counts a request that may pass into its agent's session, in the same turn in which it was judged. */
function claim(call: Call, judged: Judged): void {
  call.history.add(judged.world.agent.id, call.id, stepsOf(judged, call.clock.now()));
}

async function hold(call: Call, first: Judged): Promise<Step<Granted>> {
  const body = await wholeBody(call, first);
  if (!body.ok) return stop({ fault: body.fault, judged: first });
  const judged = { ...first, body: body.value };
  const ask = askFor(judged, call.id);
  if (!ask.ok) return stop({ fault: ask.fault, judged });
  const since = call.clock.monotonic();
  const outcome = await call.approvals.hold(ask.value, call.raw.signal);
  call.meter.held(outcome.kind, (call.clock.monotonic() - since) / 1_000);
  if (outcome.kind === 'granted') return await judgeAgain(call, { judged, approval: outcome.approval }, ask.value);
  return stop({
    fault: holdFault(outcome),
    judged,
    ...('approval' in outcome ? { approval: outcome.approval } : {}),
    ...(outcome.kind === 'pending' ? { retryAfterMs: outcome.retryAfterMs } : {}),
  });
}

/** A human decides about one exact body, so one that would have streamed is read whole now. */
async function wholeBody(call: Call, { request, body, world }: Judged): Promise<Outcome<RequestBody>> {
  if (body.kind !== 'streamed') return passed(body);
  const plan = bodyPlan(world.actions, request, world.body);
  const bytes = await call.raw.body.read('limitBytes' in plan ? plan.limitBytes : world.body.limitBytes);
  return bytes.ok ? passed(opaqueBody(bytes.value)) : bytes;
}

/** Policy is asked again when a human has agreed: the world may have changed since, and a later block wins. */
async function judgeAgain(call: Call, held: Granted, ask: ApprovalAsk): Promise<Step<Granted>> {
  const { approval } = held;
  const world = call.world();
  const request = canonicalize(call.raw.head, world.request);
  if (!request.ok) return stop({ fault: request.fault, ...held });
  const again = judgeIn(world, request.value, held.judged.body, momentOf(call));
  if (!again.ok) return stop({ fault: again.fault, ...held });
  const judged = again.value;
  if (judged.verdict.decision.approval === 'block') return stop({ fault: blockedBy(judged), judged, approval });
  const now = askFor(judged, call.id);
  if (!now.ok) return stop({ fault: now.fault, judged, approval });
  const outgrown = outgrownBy(approval, ask, now.value);
  if (outgrown !== null) return stop({ fault: await annul(call, approval, outgrown), judged, approval });
  if (call.raw.signal.aborted) {
    return stop({ fault: { code: 'client-gone', detail: 'the client went away before the grant' }, judged, approval });
  }
  claim(call, judged);
  return { ok: true, value: { judged, approval } };
}

/** Why a grant does not fit what would pass now; null when it does. */
function outgrownBy(approval: ApprovalRecord, asked: ApprovalAsk, now: ApprovalAsk): string | null {
  const changed = changedPart(asked.binding, now.binding);
  if (changed !== null) return voidReasonOf(changed);
  // Rules that ask for the time can judge the same request otherwise by now: whoever agreed has not agreed to that.
  if (RISK_LEVELS.indexOf(now.riskLevel) > RISK_LEVELS.indexOf(approval.ask.riskLevel)) return 'risk-rose';
  const agreed = approval.decisions.filter(({ verdict }) => verdict === 'approved').length;
  return agreed < now.terms.approvers ? 'more-approvers-needed' : null;
}

/** Ends a grant; the fault that its request ends with. */
async function annul(call: Call, approval: ApprovalRecord, reason: string): Promise<Fault> {
  try {
    await call.approvals.annul(approval, reason);
    return { code: 'approval-void', detail: `approval ${approval.name} is void: ${reason}` };
  } catch (error) {
    return approvalsFault(error);
  }
}

/** Intent, consumption, forwarding, outcome: in this order, and only here. */
async function release(
  call: Call,
  known: { readonly judged: Judged; readonly approval?: ApprovalRecord },
): Promise<void> {
  const { judged, approval = null } = known;
  const { world, request, body } = judged;
  const unrecorded = await recordIntent(call, known);
  if (unrecorded !== null) return await withdraw(call, known, unrecorded);
  const unconsumed = approval === null ? null : await consume(call, approval);
  if (unconsumed !== null) {
    await recordOutcome(call, { ...NOT_SENT, fault: unconsumed });
    return await withdraw(call, known, unconsumed);
  }
  const sent = await world.upstream.forward(request, body, call.raw.client, {
    exchangeId: call.id,
    idempotencyKey: idempotencyKeyOf(judged, approval),
    signal: call.raw.signal,
  });
  const fault = sent.fault === null ? null : redactFault(sent.fault, world.redactor);
  await recordOutcome(call, { ...sent, fault });
  call.meter.forwarded(request.entry, sent.result, sent.status, secondsOf(call));
  if (fault !== null && !sent.answered) await answer(call, { fault, judged });
}

const NOT_SENT = { result: 'not-sent', status: null, answered: false, bytesSent: 0, bytesReceived: 0 } as const;

/** Exactly one request passes this under one grant; whoever cannot tell does not pass. */
async function consume(call: Call, approval: ApprovalRecord): Promise<Fault | null> {
  try {
    if ((await call.approvals.consume(approval, call.id)) === 'consumed') return null;
    return {
      code: 'approval-consumed',
      detail: `approval ${approval.name} was used by an identical request, or has ended`,
    };
  } catch (error) {
    return approvalsFault(error);
  }
}

function approvalsFault(error: unknown): Fault {
  return error instanceof FaultError ? error.fault : { code: 'approvals-unavailable', detail: messageOf(error) };
}

async function recordIntent(
  call: Call,
  known: { readonly judged: Judged; readonly approval?: ApprovalRecord },
): Promise<Fault | null> {
  const { world, verdict } = known.judged;
  const { riskLevel } = verdict.decision;
  const durable = known.approval !== undefined || riskLevel === 'high' || riskLevel === 'critical';
  const record = intentRecord(factsOf(world, call.id), { ...viewOf(world, call.raw.head, known), verdict });
  try {
    await call.journal.append(record, durable ? 'synced' : 'written');
    return null;
  } catch (error) {
    return error instanceof FaultError ? error.fault : { code: 'audit-unavailable', detail: messageOf(error) };
  }
}

/** The request has gone out by now. An outcome that the journal cannot write yet it owes, and writes when it can. */
async function recordOutcome(call: Call, outcome: ports.ForwardOutcome): Promise<void> {
  try {
    await call.journal.append(outcomeRecord(call.id, outcome, secondsOf(call) * 1_000), 'written');
  } catch (error) {
    call.log.error('audit.outcome-owed', { exchange: call.id, problem: messageOf(error) });
  }
}

/** Ends a call whose steps had been counted into the session already. */
async function withdraw(
  call: Call,
  known: { readonly judged: Judged; readonly approval?: ApprovalRecord },
  fault: Fault,
): Promise<void> {
  call.history.remove(known.judged.world.agent.id, call.id);
  await refuse(call, { ...known, fault });
}

async function refuse(call: Call, stopped: Stop): Promise<void> {
  const world = stopped.judged?.world ?? call.entered;
  const end = { ...stopped, fault: redactFault(stopped.fault, world.redactor) };
  try {
    const view = viewOf(world, call.raw.head, end);
    await call.journal.append(refusalRecord(factsOf(world, call.id), view, end.fault), 'written');
  } catch (error) {
    call.log.error('audit.refusal-not-recorded', {
      exchange: call.id,
      code: end.fault.code,
      problem: messageOf(error),
    });
  }
  await answer(call, end);
}

async function answer(call: Call, { fault, judged, approval, retryAfterMs }: Stop): Promise<void> {
  call.meter.refused(fault.code);
  await call.refusals.answer(call.raw.client, {
    exchangeId: call.id,
    fault,
    retryAfterSeconds: retryAfterSeconds(fault, retryAfterMs),
    extensions: problemMembers(judged?.verdict ?? null, approval ?? null),
  });
}

function blockedBy({ verdict }: Judged): Fault {
  return { code: 'policy-block', detail: describeDecision(verdict.decision) };
}

function momentOf(call: Call): { readonly now: number; readonly recent: ports.SessionHistory['recent'] } {
  return { now: call.clock.now(), recent: (agentId, since) => call.history.recent(agentId, since) };
}

function secondsOf(call: Call): number {
  return (call.clock.monotonic() - call.startedAt) / 1_000;
}

function stop(end: Stop): { readonly ok: false; readonly stop: Stop } {
  return { ok: false, stop: end };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
