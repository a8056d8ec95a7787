/** A decision as a client of the control socket sends it. */
export interface WantedDecision {
  readonly verdict: 'approved' | 'denied';
  readonly reason: string;
  /** The fingerprint of the request that the person saw; null when the client does not say. */
  readonly fingerprint: string | null;
}

/** The reason stands in lists, answers and audit records: a paragraph, no document. */
const MAX_REASON_CHARACTERS = 1_000;
const KEYS = ['verdict', 'reason', 'fingerprint'];

/** Reads a decision; a text says what is wrong with it. */
export function wantedDecision(body: unknown): WantedDecision | string {
  if (!isObject(body)) return 'expected a JSON object with verdict and reason';
  const unknown = Object.keys(body).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    const found = JSON.stringify(unknown.slice(0, 100));
    return `expected only ${KEYS.join(', ')}, found ${found}; who decides is asked of the system`;
  }
  const { fingerprint = null } = body;
  if (fingerprint !== null && typeof fingerprint !== 'string') return 'expected fingerprint to be a text';
  const said = readVerdict(body);
  return typeof said === 'string' ? said : { ...said, fingerprint };
}

function readVerdict({ verdict, reason = '' }: Members): Omit<WantedDecision, 'fingerprint'> | string {
  if (verdict !== 'approved' && verdict !== 'denied') return 'expected verdict to be "approved" or "denied"';
  const said = readReason(reason);
  if (said === null) return `expected reason to be a text of at most ${MAX_REASON_CHARACTERS} characters`;
  if (verdict === 'denied' && said === '')
    return 'expected a reason: the agent and its user are told why it was denied';
  return { verdict, reason: said };
}

type Members = { readonly [key: string]: unknown };

function isObject(body: unknown): body is Members {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

function readReason(reason: unknown): string | null {
  return typeof reason === 'string' && reason.length <= MAX_REASON_CHARACTERS ? reason.trim() : null;
}
