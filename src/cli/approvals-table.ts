import type { ApprovalRecord } from '../model/approval.ts';
import { amountOf, durationText, phaseAt } from './approvals-words.ts';
import { tableLines, type Column, type TablePlace } from './table.ts';

/** What a table of approvals is made for. */
export interface ApprovalsPlace extends TablePlace {
  /** Whether the phase is shown: where all are pending, it says nothing. */
  readonly withPhase: boolean;
}

type ApprovalColumn = Column<ApprovalRecord>;

/** The columns of approvals, by what they are about. */
export const APPROVAL_COLUMNS = {
  name: { title: 'NAME', shrinksTo: null, text: ({ name }) => name },
  phase: { title: 'PHASE', shrinksTo: null, text: phaseAt },
  age: {
    title: 'AGE',
    shrinksTo: null,
    dispensable: 2,
    text: ({ createdAt }, now) => durationText(now - createdAt),
  },
  expires: { title: 'EXPIRES', shrinksTo: null, text: expiresText },
  agent: { title: 'AGENT', shrinksTo: 6, dispensable: 3, text: ({ ask }) => orDash(ask.agentId) },
  // A request of several actions shows its first; how many there are has a column that no agent can write into.
  actions: { title: 'ACTIONS', shrinksTo: null, text: ({ ask }) => String(ask.actions.length) },
  action: { title: 'ACTION', shrinksTo: 6, text: ({ ask }) => ask.actions[0]?.type ?? '-' },
  target: { title: 'TARGET', shrinksTo: 6, text: ({ ask }) => ask.actions[0]?.target ?? '-' },
  amount: { title: 'AMOUNT', shrinksTo: 8, text: amountText },
  risk: { title: 'RISK', shrinksTo: null, text: ({ ask }) => ask.riskLevel },
  rule: { title: 'RULE', shrinksTo: 6, dispensable: 4, text: ({ ask }) => ask.rule },
} as const satisfies { readonly [about: string]: ApprovalColumn };

/** A table of approvals, one line each, no wider than the terminal. What agents wrote in it is made visible. */
export function approvalsTable(approvals: readonly ApprovalRecord[], place: ApprovalsPlace): string {
  const withCount = approvals.some(({ ask }) => ask.actions.length > 1);
  const columns = Object.values<ApprovalColumn>(APPROVAL_COLUMNS).filter(({ title }) => {
    if (title === 'ACTIONS') return withCount;
    return place.withPhase || title !== 'PHASE';
  });
  return tableLines(approvals, columns, place)
    .map((line) => `${line}\n`)
    .join('');
}

function expiresText(approval: ApprovalRecord, now: number): string {
  const phase = phaseAt(approval, now);
  return phase === 'pending' || phase === 'approved' ? durationText(approval.expiresAt - now) : '-';
}

function amountText({ ask }: ApprovalRecord): string {
  const amounts = ask.actions.map(amountOf).filter((amount) => amount !== null);
  return amounts.length > 1 ? `${amounts.length} amounts` : (amounts[0] ?? '-');
}

function orDash(text: string): string {
  return text === '' ? '-' : text;
}
