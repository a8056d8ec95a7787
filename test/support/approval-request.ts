/** A decision as it is stored. */
export interface StoredDecision {
  readonly approver: string;
  readonly verdict: 'approved' | 'denied';
  readonly reason: string;
}

/** The status of an ApprovalRequest. */
export interface ApprovalStatus {
  readonly phase: string;
  readonly approvals: number;
  readonly decisions: readonly StoredDecision[];
  readonly conditions: readonly { readonly [member: string]: unknown }[];
  readonly uses: number;
  readonly told: boolean;
  readonly [member: string]: unknown;
}

/** An ApprovalRequest as the API server gives it. */
export interface ApprovalRequest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly labels?: { readonly [name: string]: string };
    readonly [member: string]: unknown;
  };
  readonly spec: { readonly [member: string]: unknown };
  readonly status: ApprovalStatus;
}

/** What a test wants otherwise than `approvalRequest` makes it. */
export interface Changes {
  readonly name?: string;
  readonly spec?: { readonly [member: string]: unknown };
  readonly metadata?: { readonly [member: string]: unknown };
}

const DIGEST = '4f5bd1e0a9c37e0a4f5bd1e0a9c37e0a4f5bd1e0a9c37e0a4f5bd1e0a9c37e0a';

/** The request of an agent for a refund, as a gateway asks people for it. */
export function approvalRequest(name: string, { spec, metadata }: Changes = {}): ApprovalRequest {
  const made = {
    apiVersion: 'aegis.dev/v1alpha1',
    kind: 'ApprovalRequest',
    metadata: {
      name,
      namespace: 'agents',
      labels: { 'aegis.dev/request-key': DIGEST.slice(0, 63), 'aegis.dev/agent': DIGEST.slice(0, 63) },
      ...metadata,
    },
    spec: {
      fingerprint: DIGEST,
      binding: {
        method: 'POST',
        urlDigest: DIGEST,
        bodyDigest: DIGEST,
        headersDigest: DIGEST,
        actionDigest: DIGEST,
        agentId: 'support-agent',
        policyDigest: DIGEST,
        actionMapDigest: DIGEST,
        credentialGeneration: '',
      },
      agent: { id: 'support-agent', namespace: 'agents', pod: 'agent-0', serviceAccount: 'agent' },
      request: {
        entry: 'route',
        route: 'billing',
        method: 'POST',
        url: URL_OF_REFUNDS,
        bodyDigest: DIGEST,
        bodyBytes: 47,
      },
      actions: [
        {
          type: 'refund',
          target: 'order-1001',
          params: '{"amount":250,"currency":"EUR","order":"1001"}',
          description: 'Refund 250 EUR for order 1001',
          effect: 'irreversible',
          amount: '250',
          amountParam: 'amount',
          mappedBy: 'actions.yaml:12',
        },
      ],
      rule: 'large-refunds',
      why: 'rule large-refunds says approve (risk high)',
      riskLevel: 'high',
      approvers: 1,
      scope: 'once',
      expiresAt: '2026-11-24T18:15:00Z',
      grantSeconds: 900,
      exchangeId: 'ex-1',
      summary: {
        action: 'refund',
        target: 'order-1001',
        amount: '250',
        effect: 'irreversible',
        rule: 'large-refunds',
        agent: 'support-agent',
        request: `POST ${URL_OF_REFUNDS}`,
      },
      ...spec,
    },
  };
  // The server fills in the rest.
  return made as unknown as ApprovalRequest;
}

const URL_OF_REFUNDS = 'https://billing.example.com/refunds';
