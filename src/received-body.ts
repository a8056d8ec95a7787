import { bodyPlan } from './action/classify.ts';
import type { World } from './judgement.ts';
import { passed, type Outcome } from './model/fault.ts';
import type { BodySource } from './model/ports.ts';
import type { CanonicalRequest, RequestBody } from './model/request.ts';
import { decodeBody, looksStructured, opaqueBody } from './request/body.ts';

/**
 * Reads as much of a body as one version of the world needs to judge it. `before` is what was read of it for an earlier
 * version: what is in memory as a whole can stream no more.
 */
export async function receiveBody(
  source: BodySource,
  request: CanonicalRequest,
  { actions, body: limits }: World,
  before: RequestBody | null,
): Promise<Outcome<RequestBody>> {
  const plan = bodyPlan(actions, request, limits);
  if (plan.kind === 'none') return passed({ kind: 'none' });
  if (before?.kind === 'buffered') {
    return plan.kind === 'stream' ? passed(opaqueBody(before.bytes)) : decodeBody(request, before.bytes, limits);
  }
  if (plan.kind === 'stream') return passed({ kind: 'streamed' });
  if (plan.kind === 'peek') {
    const first = await source.peek();
    if (!first.ok) return first;
    if (!looksStructured(request, first.value)) return passed({ kind: 'streamed' });
  }
  const bytes = await source.read(plan.limitBytes);
  return bytes.ok ? decodeBody(request, bytes.value, limits) : bytes;
}
