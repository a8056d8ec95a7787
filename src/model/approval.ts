import type { Digest } from './brand.ts';
import type { ApprovalTerms, RiskLevel } from './decision.ts';
import type { ActionView, RequestView } from './record.ts';

/** The state of an approval request. `approved` means enough approvers agreed and nothing has consumed it. */
export const APPROVAL_PHASES = ['pending', 'approved', 'denied', 'expired', 'consumed', 'void'] as const;
export type ApprovalPhase = (typeof APPROVAL_PHASES)[number];

/** What one person said. */
export interface ApproverDecision {
  /** The authenticated name of the person, stated by the store and never by the client. */
  readonly approver: string;
  readonly verdict: 'approved' | 'denied';
  /** Required when denied. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The fingerprint's parts, each kept, so that a grant that no longer fits can say which part changed. */
export interface Binding {
  readonly method: string;
  /** SHA-256 of the absolute URL, since the URL itself may hold secrets. */
  readonly urlDigest: Digest;
  /** SHA-256 of the body as received and of the headers that are forwarded. */
  readonly bodyDigest: Digest;
  readonly headersDigest: Digest;
  /** SHA-256 of the canonical form of the actions. */
  readonly actionDigest: Digest;
  readonly agentId: string;
  readonly policyDigest: Digest;
  readonly actionMapDigest: Digest;
  /** Changes whenever the credential that the gateway adds changes; empty when it adds none. */
  readonly credentialGeneration: string;
}

/** What is asked of a human. Everything in it is redacted: it may be stored and shown. */
export interface ApprovalAsk {
  /** SHA-256 over the canonical form of the binding (RFC 8785). */
  readonly fingerprint: Digest;
  readonly binding: Binding;
  readonly agentId: string;
  readonly request: RequestView;
  readonly actions: readonly ActionView[];
  readonly rule: string;
  readonly why: string;
  readonly riskLevel: RiskLevel;
  readonly terms: ApprovalTerms;
  /** The exchange that asks: it ties approval and audit records together. */
  readonly exchangeId: string;
}

/** The approval before this one for the same request: an approver sees from it that the request ran, or was denied, before. */
export interface Predecessor {
  readonly name: string;
  readonly phase: 'denied' | 'expired' | 'consumed' | 'void';
  /** When it ended; for a consumed one, when the request was let through. Milliseconds since the epoch. */
  readonly endedAt: number;
  /** The void reason, or the reason of the denial; empty otherwise. */
  readonly reason: string;
}

/** An approval request as a store keeps it. */
export interface ApprovalRecord {
  /** Short, unique, typed by people: derived from the fingerprint. */
  readonly name: string;
  readonly ask: ApprovalAsk;
  readonly phase: ApprovalPhase;
  readonly decisions: readonly ApproverDecision[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When a pending request, or a grant, ends. */
  readonly expiresAt: number;
  readonly consumedAt: number | null;
  /** Which part of the binding or which later decision ended it; null in every other phase. */
  readonly voidReason: string | null;
  /** How often a grant of scope `action` or `target` has been used. */
  readonly uses: number;
  /** The newest ended approval of the same request, in whatever world it was judged; null for the first. */
  readonly predecessor: Predecessor | null;
}

/** What holding a request came to. */
export type HoldOutcome =
  | { readonly kind: 'granted'; readonly approval: ApprovalRecord }
  | { readonly kind: 'pending'; readonly approval: ApprovalRecord; readonly retryAfterMs: number }
  | { readonly kind: 'denied'; readonly approval: ApprovalRecord }
  | { readonly kind: 'expired'; readonly approval: ApprovalRecord }
  | { readonly kind: 'consumed'; readonly approval: ApprovalRecord }
  | { readonly kind: 'void'; readonly approval: ApprovalRecord }
  | { readonly kind: 'client-gone' }
  | { readonly kind: 'full'; readonly limit: number }
  | { readonly kind: 'unavailable'; readonly problem: string };
