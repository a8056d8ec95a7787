import type { Actions } from '../model/action.ts';
import { passed, type Outcome } from '../model/fault.ts';
import { isTunnel, type CanonicalRequest, type RequestBody } from '../model/request.ts';
import { limitFor, mustJudge, type BodyLimits } from '../request/body.ts';
import { candidatesFor, type ActionMap } from './action-map.ts';
import { holds, isOfHead } from './condition.ts';
import { defaultActions } from './default-mapping.ts';
import { entryActions } from './entry-mapping.ts';
import type { Entry } from './entry.ts';
import { decidingEntry } from './deciding.ts';
import { contentOf, readFacts, type RequestFacts } from './facts.ts';
import { methodFieldFault } from './method-field.ts';
import type { Reading } from './source.ts';
import { tunnelActions } from './tunnel-action.ts';

export type { ActionMap } from './action-map.ts';

/** What has to be read of a body before its request can be judged. */
export type BodyPlan =
  | { readonly kind: 'none' }
  /** The whole body, at most so many bytes. */
  | { readonly kind: 'judge'; readonly limitBytes: number }
  /** The first bytes: the whole body if they look like JSON or a form, else nothing. */
  | { readonly kind: 'peek'; readonly limitBytes: number }
  /** Nothing: the request is judged without its body. */
  | { readonly kind: 'stream' };

/**
 * Decides from the head of a request what has to be read of its body. The limit of an entry goes before that of a route,
 * which goes before that of the gateway. Never throws.
 */
export function bodyPlan(map: ActionMap, request: CanonicalRequest, limits: BodyLimits): BodyPlan {
  const usualBytes = limitFor(request, limits);
  if (request.framing.kind === 'none') return { kind: 'none' };
  const facts = readFacts(request);
  if (!facts.ok) return { kind: 'judge', limitBytes: usualBytes };
  const possible = possibleEntries(map, facts.value);
  const limitBytes = Math.max(...possible.map((entry) => entry?.bodyLimitBytes ?? usualBytes));
  if (possible.length === 1 && possible[0]?.streams === true) return { kind: 'stream' };
  return { kind: possible.some((entry) => entry?.readsBody === true) ? 'judge' : mustJudge(request), limitBytes };
}

/** The entries of which one will decide, as far as the head tells; the last may be null: the default mapping. */
function possibleEntries(map: ActionMap, facts: RequestFacts): readonly (Entry | null)[] {
  const possible: Entry[] = [];
  for (const { entry, captures } of candidatesFor(map, facts)) {
    const reading: Reading = { facts, content: { kind: 'absent' }, captures: captures ?? new Map(), item: undefined };
    const head = entry.conditions.filter(isOfHead).map((condition) => holds(condition, reading));
    if (head.some((result) => result.ok && !result.value)) continue;
    possible.push(entry);
    if (entry.conditions.every(isOfHead)) return possible;
  }
  return [...possible, null];
}

/**
 * Says what a request does: the actions that policy judges. Faults: `ambiguous-action` (it could be read as more than
 * one action), `body-mismatch` (the map needs a body or a parameter that is not there or cannot be read),
 * `bad-percent-encoding`, `body-too-complex`. Never throws.
 */
export function classify(
  map: ActionMap,
  request: CanonicalRequest,
  body: RequestBody,
  agentId: string,
): Outcome<Actions> {
  if (isTunnel(request)) return passed(tunnelActions(request, agentId));
  const facts = readFacts(request);
  if (!facts.ok) return facts;
  const content = contentOf(body);
  const decided = decidingEntry(map, facts.value, content);
  if (!decided.ok) return decided;
  const input = { facts: facts.value, content, agentId };
  const { value } = decided;
  const override = methodFieldFault(facts.value, content, value?.entry ?? null);
  if (override !== null) return override;
  return value === null ? defaultActions(input) : entryActions(value.entry, value.captures, input);
}
