import { approvalDetail, type DetailPlace } from '../cli/approvals-detail.ts';
import { durationText } from '../cli/approvals-words.ts';
import type { SeenRequest } from './seen-request.ts';

/** A page of text that a person reads; --full shows all. */
export const DETAIL_LIMIT = 16_384;

/** Everything that is needed to decide on a request. */
export function requestDetail(seen: SeenRequest, place: Omit<DetailPlace, 'facts' | 'decidedAt'>): string {
  const { object, record } = seen;
  const settled = settledAt(seen);
  return approvalDetail(record, {
    ...place,
    facts: factsOf(seen),
    // The API server has no clock for us: only of the decision that settled it is known when a gateway saw it.
    decidedAt: (decision) =>
      decision === record.decisions.at(-1) && object.status.phase !== 'Pending' ? settled : null,
  });
}

/** When a gateway saw that the request was decided, in milliseconds since the epoch; null when none has said so. */
export function settledAt({ object }: SeenRequest): number | null {
  const times = object.status.conditions
    .filter(({ type }) => type === 'Approved' || type === 'Denied')
    .map(({ lastTransitionTime }) => (lastTransitionTime === undefined ? Number.NaN : Date.parse(lastTransitionTime)));
  const [at = Number.NaN] = times;
  return Number.isFinite(at) ? at : null;
}

function factsOf({ object, problem }: SeenRequest): readonly (readonly [string, string])[] {
  const { metadata, spec, status } = object;
  const { binding, requestingPod } = spec;
  return [
    ['Namespace', metadata.namespace],
    ['Gateway', spec.requester + (requestingPod === undefined ? '' : `, pod ${requestingPod.name}`)],
    ['Agent runs in', workloadText(spec.agent)],
    ...labelFacts(spec.agent.labels ?? {}),
    ['Grant lasts', grantText(spec)],
    ['Policy', `sha256:${binding.policyDigest}`],
    ['Action map', `sha256:${binding.actionMapDigest}`],
    ...(binding.credentialGeneration === '' ? [] : [['Credential', binding.credentialGeneration] as const]),
    ['UID', metadata.uid],
    ...(status.consumption === undefined
      ? []
      : [['Used by', `exchange ${status.consumption.exchangeId}${onPod(status.consumption.pod)}`] as const]),
    ...(problem === null ? [] : [['NOT USABLE', `its gateway will not use it: ${problem}`] as const]),
  ];
}

/** How long a grant lasts from the decision that completes it. */
export function grantText({ grantSeconds }: SeenRequest['object']['spec']): string {
  return `${durationText(grantSeconds * 1_000)} from the decision that completes it`;
}

function workloadText({ namespace, pod, serviceAccount }: SeenRequest['object']['spec']['agent']): string {
  const parts = [
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
    ...(pod === undefined ? [] : [`pod ${pod}`]),
    ...(serviceAccount === undefined ? [] : [`ServiceAccount ${serviceAccount}`]),
  ];
  return parts.length === 0 ? '(its gateway does not say)' : `${parts.join(', ')} (as its gateway says)`;
}

function labelFacts(labels: { readonly [name: string]: string }): readonly (readonly [string, string])[] {
  const texts = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return texts.length === 0 ? [] : [['Agent labels', `${texts.join(', ')} (as its gateway says)`]];
}

function onPod(pod: string | undefined): string {
  return pod === undefined ? '' : ` on pod ${pod}`;
}
