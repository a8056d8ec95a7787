import { requestKeyOf } from '../binding/fingerprint.ts';
import type { ApprovalAsk, Predecessor } from '../model/approval.ts';
import type { ActionView } from '../model/record.ts';
import type { Json } from '../model/value.ts';
import { askText } from './brief.ts';
import type { OwnIdentity } from './kubernetes-object.ts';
import { columnText, paramsText, toAscii } from './kubernetes-text.ts';
import type { PodLabels } from './pod-labels.ts';
import { scopeKeyOf } from './scope.ts';

/** The API group and version of ApprovalRequest. */
export const API_VERSION = 'aegis.dev/v1alpha1';
/** Labels by which a gateway finds its requests again. */
export const LABELS = {
  request: 'aegis.dev/request-key',
  scope: 'aegis.dev/scope-key',
} as const;

/** What the workload says of itself, from the configuration. Empty texts are left out. */
export interface Workload {
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  readonly labels: PodLabels;
}

/** What a new ApprovalRequest is made of. Times in milliseconds. */
export interface NewRequest {
  readonly name: string;
  readonly namespace: string;
  readonly ask: ApprovalAsk;
  readonly expiresAt: number;
  readonly grantMs: number;
  readonly predecessor: Predecessor | null;
  readonly identity: OwnIdentity;
  readonly workload: Workload;
}

/** A label value has at most 63 characters; as many digits of a digest are more than enough. */
export function labelOf(digest: string): string {
  return digest.slice(0, 63);
}

/** The ApprovalRequest that the gateway creates. Throws when it is more than a person can be asked to judge. */
export function newApprovalRequest(made: NewRequest): object {
  const { ask, name, namespace } = made;
  askText(ask);
  const scopeKey = scopeKeyOf(ask);
  return {
    apiVersion: API_VERSION,
    kind: 'ApprovalRequest',
    metadata: {
      name,
      namespace,
      labels: {
        [LABELS.request]: labelOf(requestKeyOf(ask.binding)),
        ...(scopeKey === null ? {} : { [LABELS.scope]: labelOf(scopeKey) }),
      },
    },
    spec: specOf(made),
  };
}

function specOf({ ask, expiresAt, grantMs, identity, predecessor, workload }: NewRequest): object {
  const { binding, request } = ask;
  return {
    fingerprint: ask.fingerprint,
    binding: {
      ...binding,
      agentId: toAscii(binding.agentId),
      credentialGeneration: toAscii(binding.credentialGeneration),
    },
    agent: { id: toAscii(ask.agentId), ...workloadOf(workload) },
    request: {
      entry: request.entry,
      ...(request.route === null ? {} : { route: toAscii(request.route) }),
      method: request.method,
      url: toAscii(request.url),
      ...(request.bodyDigest === null ? {} : { bodyDigest: request.bodyDigest }),
      ...(request.bodyBytes === null ? {} : { bodyBytes: request.bodyBytes }),
    },
    actions: ask.actions.map(actionOf),
    rule: toAscii(ask.rule),
    why: toAscii(ask.why),
    riskLevel: ask.riskLevel,
    approvers: ask.terms.approvers,
    scope: ask.terms.scope,
    expiresAt: new Date(expiresAt).toISOString(),
    grantSeconds: Math.min(MAX_GRANT_SECONDS, Math.max(1, Math.floor(grantMs / 1_000))),
    exchangeId: ask.exchangeId,
    ...(predecessor === null ? {} : { predecessor: predecessorOf(predecessor) }),
    summary: summaryOf(ask, predecessor),
    // Stated truly, for servers that check it; those that stamp it write the same.
    requester: identity.user,
    ...(identity.pod === null ? {} : { requestingPod: identity.pod }),
  };
}

function workloadOf({ labels, namespace, pod, serviceAccount }: Workload): object {
  return {
    ...(namespace === '' ? {} : { namespace }),
    ...(pod === '' ? {} : { pod }),
    ...(serviceAccount === '' ? {} : { serviceAccount }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

function actionOf(action: ActionView): object {
  const { amountParam, description, effect, mappedBy } = action;
  const amount = amountOf(action);
  return {
    type: toAscii(action.type),
    target: toAscii(action.target),
    params: paramsText(action.params),
    ...(description === '' ? {} : { description: toAscii(description) }),
    ...(effect === null ? {} : { effect }),
    ...(amountParam === null ? {} : { amountParam: toAscii(amountParam) }),
    ...(amount === '' ? {} : { amount: toAscii(amount).slice(0, MAX_AMOUNT_CHARACTERS) }),
    ...(mappedBy === null ? {} : { mappedBy: toAscii(mappedBy) }),
  };
}

/** What the schema takes: a week. */
const MAX_GRANT_SECONDS = 604_800;
/** What the schema takes. */
const MAX_AMOUNT_CHARACTERS = 256;
const EFFECTS = ['irreversible', 'reversible', 'read-only'] as const;

function amountOf({ amountParam, params }: ActionView): string {
  if (amountParam === null || !isMembers(params) || !Object.hasOwn(params, amountParam)) return '';
  const amount = params[amountParam];
  return typeof amount === 'string' ? amount : JSON.stringify(amount ?? null);
}

function isMembers(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function predecessorOf({ endedAt, name, phase, reason }: Predecessor): object {
  return {
    name,
    phase: `${phase.charAt(0).toUpperCase()}${phase.slice(1)}`,
    endedAt: new Date(endedAt).toISOString(),
    ...(reason === '' ? {} : { reason: toAscii(reason) }),
  };
}

/** What is asked, in a line for Events: nothing in it moves, hides or imitates other text. */
export function askLine({ actions, riskLevel, rule, terms }: ApprovalAsk): string {
  const [first] = actions;
  const more = actions.length === 1 ? '' : ` and ${actions.length - 1} more`;
  const what = `${columnText(first?.type ?? '', 36)} ${columnText(first?.target ?? '', 72)}${more}`;
  return `waits for ${terms.approvers} to approve: ${what} (risk ${riskLevel}, rule ${columnText(rule, 36)})`;
}

/** The columns of kubectl get: what stands for several actions says how many, and the worst of them. */
function summaryOf({ actions, agentId, request, rule }: ApprovalAsk, before: Predecessor | null): object {
  const [first] = actions;
  const several = actions.length === 1 ? '' : `${actions.length} actions: `;
  const targets = [...new Set(actions.map(({ target }) => target))];
  const amounts = actions.map(amountOf).filter((amount) => amount !== '');
  return {
    action: columnText(`${several}${first?.type ?? ''}`, 72),
    target: columnText(`${targets.length > 1 ? `${targets.length} targets: ` : ''}${targets[0] ?? ''}`, 72),
    amount: columnText(amounts.join(', '), 36),
    effect: EFFECTS.find((effect) => actions.some((action) => action.effect === effect)) ?? '',
    rule: columnText(rule, 72),
    agent: columnText(agentId, 72),
    request: columnText(`${request.method} ${request.url}`, 144),
    ...(before === null ? {} : { predecessor: `${before.name} ${before.phase}` }),
  };
}
