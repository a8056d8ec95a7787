import type { Digest } from './brand.ts';
import type { Effect } from './action.ts';
import type { Approval, EnforcementLevel, ObservedDecision, PlanViolation, RiskLevel } from './decision.ts';
import type { FaultCode } from './fault.ts';
import type { Entry } from './request.ts';
import type { Json } from './value.ts';

/** A request as it may be stored and shown: no secret in it. */
export interface RequestView {
  readonly entry: Entry | 'unknown';
  readonly route: string | null;
  readonly method: string;
  /** The absolute URL with secrets replaced; for a request that could not be read, what could be. */
  readonly url: string;
  readonly bodyDigest: Digest | null;
  /** Bytes as received; null where the body was streamed or not read. */
  readonly bodyBytes: number | null;
}

/** An action as it may be stored and shown: parameters complete and canonical, secrets as digest and length. */
export interface ActionView {
  readonly type: string;
  readonly target: string;
  readonly params: Json;
  readonly description: string;
  readonly effect: Effect | null;
  readonly amountParam: string | null;
  readonly mappedBy: string | null;
}

/** A decision as it is stored and shown. */
export interface DecisionView {
  readonly approval: Approval;
  readonly riskLevel: RiskLevel;
  readonly rule: string;
  /** The sentence of `describeDecision`. */
  readonly why: string;
  readonly policyDigest: Digest;
  readonly violations: readonly PlanViolation[];
  readonly observed: readonly ObservedDecision[];
}

/** The approval that let a request pass, or that it waits for. */
export interface ApprovalReference {
  readonly name: string;
  readonly fingerprint: Digest;
  readonly approvers: readonly string[];
}

/** What became of a forwarded request. `unknown`: the gateway ended before it could know. */
export type Result = 'success' | 'failed' | 'aborted' | 'not-sent' | 'unknown';

/** What the audit trail records, before the journal numbers and chains it. */
export type RecordBody =
  /** Written before a request is forwarded. */
  | {
      readonly kind: 'intent';
      readonly exchangeId: string;
      readonly agentId: string;
      readonly enforcement: EnforcementLevel;
      readonly request: RequestView;
      readonly actions: readonly ActionView[];
      /** Type and risk of each action: plan rules over a session are judged from these after a restart. */
      readonly steps: readonly { readonly type: string; readonly riskLevel: RiskLevel }[];
      readonly decision: DecisionView;
      readonly approval: ApprovalReference | null;
    }
  /** Written after it: one for each intent. */
  | {
      readonly kind: 'outcome';
      readonly exchangeId: string;
      readonly result: Result;
      /** The status that the upstream answered; null when it did not. */
      readonly status: number | null;
      readonly fault: FaultCode | null;
      readonly detail: string;
      readonly bytesSent: number;
      readonly bytesReceived: number;
      readonly durationMs: number;
    }
  /** A request that was not forwarded. */
  | {
      readonly kind: 'refusal';
      readonly exchangeId: string;
      readonly agentId: string;
      readonly enforcement: EnforcementLevel;
      readonly request: RequestView;
      readonly actions: readonly ActionView[];
      readonly decision: DecisionView | null;
      readonly approval: ApprovalReference | null;
      readonly fault: FaultCode;
      readonly detail: string;
    }
  | {
      readonly kind: 'approval';
      readonly event: 'requested' | 'decided' | 'consumed' | 'used' | 'expired' | 'voided';
      readonly exchangeId: string;
      readonly approval: string;
      readonly fingerprint: Digest;
      /** Who decided, for `decided`; empty otherwise. */
      readonly approver: string;
      readonly verdict: 'approved' | 'denied' | null;
      readonly reason: string;
    }
  | {
      readonly kind: 'lifecycle';
      readonly event:
        | 'started'
        | 'stopped'
        | 'recovered'
        | 'policy-loaded'
        | 'policy-rejected'
        | 'actions-loaded'
        | 'actions-rejected'
        | 'config-loaded'
        | 'config-rejected';
      readonly detail: string;
      readonly data: { readonly [key: string]: Json };
    };

/** Segments that retention took away, and the record they ended with. */
export interface RemovedPrefix {
  /** The number of the last segment that is gone, or may be. */
  readonly segment: number;
  readonly seq: number;
  readonly hash: Digest;
}

/**
 * The journal vouches for everything before this record: it is signed with the key of the installation. Only the
 * journal itself makes them. `segment`: the first record of a segment; `end`: the gateway stopped in an orderly way.
 */
export interface CheckpointBody {
  readonly kind: 'checkpoint';
  readonly reason: 'interval' | 'segment' | 'removal' | 'end';
  /** The newest time of any record before, RFC 3339; it never goes back, while the clock may. */
  readonly newest: string;
  /** The intents without outcome, where the record begins a segment; null elsewhere. */
  readonly open: readonly { readonly exchangeId: string; readonly seq: number }[] | null;
  /** What retention took away so far; null for nothing. */
  readonly removed: RemovedPrefix | null;
  /** SHA-256 of the public key (SubjectPublicKeyInfo, DER). */
  readonly key: Digest;
  /** Ed25519 (RFC 8032) over the line without this member and `hash`, in base64. */
  readonly signature: string;
}

/** The records of the gateway's own life, which belong to no exchange. */
export type OwnKind = 'lifecycle' | 'checkpoint';

/** A record as it stands in the journal: one JSON line. */
export type AuditRecord = (RecordBody | CheckpointBody) & {
  /** The version of this format. */
  readonly v: 1;
  /** Counts up by one from 1 and never starts again. */
  readonly seq: number;
  /** Stable: sinks use it to tell a repeated record. */
  readonly id: string;
  /** RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  /** The hash of the record before; 64 zeros for the first. */
  readonly prev: Digest;
  /** SHA-256 over the line without this member. */
  readonly hash: Digest;
};
