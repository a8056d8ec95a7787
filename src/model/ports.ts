import type { ApprovalAsk, ApprovalPhase, ApprovalRecord, ApproverDecision, HoldOutcome } from './approval.ts';
import type { Client } from './client.ts';
import type { Approval, RiskLevel } from './decision.ts';
import type { Fault, FaultCode, Outcome } from './fault.ts';
import type { AuditRecord, RecordBody, Result } from './record.ts';
import type { CanonicalRequest, Entry, RawHead, RequestBody } from './request.ts';
import type { Json } from './value.ts';

/** The time. A parameter everywhere, so that a story, a test and a replay can set it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that only ever grow, for durations. */
  monotonic(): number;
}

/** Structured log lines: an event name of the form `area.what-happened` and its fields, none of them secret. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}
export type LogFields = { readonly [key: string]: Json | undefined };

/** The body of a request while it is still on the wire. */
export interface BodySource {
  /**
   * Waits for the first bytes and leaves them in place; empty when the body is. Sends `100 Continue` first where the
   * client waits for it. Faults: request-timeout, client-gone.
   */
  peek(): Promise<Outcome<Uint8Array>>;
  /**
   * Reads the whole body, at most `limitBytes`. Faults: body-too-large, request-timeout, too-many-requests-held,
   * client-gone.
   */
  read(limitBytes: number): Promise<Outcome<Uint8Array>>;
}

/** One exchange as intercept hands it over. */
export interface RawExchange {
  readonly head: RawHead;
  readonly body: BodySource;
  readonly client: Client;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** What forwarding came to. The answer has been sent to the client, except where `fault` says that none was begun. */
export interface ForwardOutcome {
  readonly result: Result;
  readonly status: number | null;
  /** A fault that still has to be answered (no byte of an answer was sent) or that cut the answer off. */
  readonly fault: Fault | null;
  /** Whether the head of an answer had gone out before the fault. */
  readonly answered: boolean;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Sends a request that may pass to its upstream and the answer to the client. */
export interface Upstream {
  /** The generation of the credential that the route adds; '' when it adds none. Fault: credential-unavailable. */
  credentialGeneration(request: CanonicalRequest): Outcome<string>;
  /** `idempotencyKey` is sent as Idempotency-Key when it is not null. Never throws. */
  forward(
    request: CanonicalRequest,
    body: RequestBody,
    client: Client,
    options: ForwardOptions,
  ): Promise<ForwardOutcome>;
}
export interface ForwardOptions {
  readonly exchangeId: string;
  readonly idempotencyKey: string | null;
  readonly signal: AbortSignal;
}

/** Answers a client whose request is not forwarded, in the protocol that it speaks. */
export interface Refusals {
  answer(client: Client, refusal: Refusal): Promise<void>;
}
export interface Refusal {
  readonly exchangeId: string;
  readonly fault: Fault;
  /** Seconds for Retry-After; null leaves it out. */
  readonly retryAfterSeconds: number | null;
  /** Further members of the problem document (RFC 9457 section 3.2). */
  readonly extensions: { readonly [member: string]: Json };
}

/** The only way into the audit trail. */
export interface Journal {
  /**
   * Appends a record. Resolves when it is in the file (`written`: survives the process) or on the disk (`synced`:
   * survives the machine). Rejects with `FaultError('audit-unavailable')` when it is neither. An outcome is kept all
   * the same, and written before anything else when the disk is back: what it tells of has happened.
   */
  append(body: RecordBody, durability: 'written' | 'synced'): Promise<AuditRecord>;
}

/** Holds requests for a human, and consumes grants. */
export interface ApprovalGate {
  /** Finds or opens the approval for this ask and waits for it as long as its terms say. Never rejects. */
  hold(ask: ApprovalAsk, signal: AbortSignal): Promise<HoldOutcome>;
  /**
   * Consumes (scope `once`) or uses (other scopes) a grant, before forwarding: a compare-and-swap that exactly one
   * caller wins. `lost`: somebody else did, or it has ended. Rejects with a `FaultError` (approvals-unavailable,
   * audit-unavailable) when it cannot tell or cannot record it; nothing may be forwarded then.
   */
  consume(approval: ApprovalRecord, exchangeId: string): Promise<'consumed' | 'lost'>;
  /** Ends a grant that no longer fits. */
  annul(approval: ApprovalRecord, reason: string): Promise<void>;
}

/** Where approvals are kept. Everything may reject with `ApprovalStoreError`. */
export interface ApprovalStore {
  /**
   * The approval that answers this ask: a live one of the same fingerprint; else a grant whose scope covers it; else a
   * live one of the same request or scope from another world, which has to be annulled; else a denial or an expiry of
   * the same fingerprint that the agent has not been told to its end. Null when a new one is to be opened.
   */
  find(ask: ApprovalAsk, now: number): Promise<ApprovalRecord | null>;
  /** Creates a pending approval; when one that is pending or approved exists already, returns that. */
  open(ask: ApprovalAsk, terms: OpenTerms): Promise<ApprovalRecord>;
  get(name: string): Promise<ApprovalRecord | null>;
  /** The newest first. The actions come without description, and of their parameters only the amount. */
  list(filter: ApprovalFilter): Promise<readonly ApprovalRecord[]>;
  /** How many are pending, as far as the store knows without asking anybody. Throws when it cannot tell. */
  pendingCount(): number;
  decide(name: string, decision: ApproverDecision): Promise<DecideOutcome>;
  /** Uses a grant for one exchange; exactly one caller gets `consumed` for a grant of scope `once`. */
  consume(name: string, now: number, exchangeId: string): Promise<'consumed' | 'lost'>;
  /**
   * Ends one that is overdue, and notes that the agent is told of it, so that `find` reports it no more. True when it
   * was this call that ended it.
   */
  expire(name: string, now: number): Promise<boolean>;
  /** Ends a pending request or a grant; true when it was this call that ended it. */
  annul(name: string, reason: string, now: number): Promise<boolean>;
  /** Ends all that are overdue and forgets what ended long ago. Returns those that this call ended. */
  sweep(now: number): Promise<readonly ApprovalRecord[]>;
  /** Resolves with the record when it leaves `pending`, or null at the deadline or on abort. */
  changed(name: string, deadline: number, signal: AbortSignal): Promise<ApprovalRecord | null>;
}
export interface OpenTerms {
  readonly now: number;
  readonly expiresAt: number;
  /** How long a grant holds from the decision that completes it. */
  readonly grantMs: number;
}
export interface ApprovalFilter {
  readonly phases: readonly ApprovalPhase[] | null;
  readonly limit: number;
}
export type DecideOutcome =
  | { readonly kind: 'recorded'; readonly approval: ApprovalRecord }
  | { readonly kind: 'unknown-approval' }
  | { readonly kind: 'not-pending'; readonly approval: ApprovalRecord }
  | { readonly kind: 'already-decided'; readonly approval: ApprovalRecord };

/** Recent actions of an agent, for plan rules over a session. Survives restart: it is read back from the journal. */
export interface SessionHistory {
  /** Steps since `since` (milliseconds since the epoch), oldest first. */
  recent(agentId: string, since: number): readonly SessionStep[];
  /** Adds the steps of a request that may pass. */
  add(agentId: string, exchangeId: string, steps: readonly SessionStep[]): void;
  /** Takes the steps of a request back that did not pass after all. */
  remove(agentId: string, exchangeId: string): void;
}
export interface SessionStep {
  readonly at: number;
  readonly type: string;
  readonly riskLevel: RiskLevel;
}

/** What is counted. Label values are bounded by the meter. */
export interface Meter {
  received(entry: Entry | 'unknown'): void;
  decided(approval: Approval, riskLevel: RiskLevel, rule: string): void;
  refused(code: FaultCode): void;
  forwarded(entry: Entry, result: Result, status: number | null, seconds: number): void;
  /** How long a request was held for a human, and what came of it. */
  held(outcome: HoldOutcome['kind'], seconds: number): void;
  /** Time that the gateway itself took until the verdict. */
  judged(seconds: number): void;
}
