import type { Actions } from '../model/action.ts';
import type { Outcome } from '../model/fault.ts';
import type { CanonicalRequest, RequestBody } from '../model/request.ts';
import { candidatesFor, type ActionMap } from './action-map.ts';
import { classify } from './classify.ts';
import { describeCondition, holds } from './condition.ts';
import type { Entry } from './entry.ts';
import { contentOf, readFacts, type Content, type RequestFacts } from './facts.ts';
import { coversHost } from './host-pattern.ts';
import type { Candidate } from './path-index.ts';
import { captureExactly } from './path-template.ts';

/** What became of one entry. */
interface Consideration {
  /** The entry, as `file:line`. */
  readonly at: string;
  readonly type: string;
  readonly verdict: 'decides' | 'does not fit' | 'almost fits' | 'comes later' | 'cannot be read';
  readonly why: string;
  /** How far it came: `other path` for one whose path does not fit at all. */
  readonly nearness: 'asked' | 'other method' | 'other path';
}

/** Why a request is the action that it is. */
export interface Explanation {
  readonly outcome: Outcome<Actions>;
  /** The entries for the host: first those whose path and method fit, in the order in which they are asked. */
  readonly considered: readonly Consideration[];
  /** How many entries are for other hosts. */
  readonly otherHosts: number;
}

/** Says which action a request is, and what was decided about every entry for its host. */
export function explain(map: ActionMap, request: CanonicalRequest, body: RequestBody, agentId: string): Explanation {
  const outcome = classify(map, request, body, agentId);
  const facts = readFacts(request);
  if (!facts.ok) return { outcome, considered: [], otherHosts: 0 };
  const { host, port } = request.destination;
  const here = map.entries.filter((entry) => entry.hosts.some((pattern) => coversHost(pattern, host, port)));
  const asked = [...candidatesFor(map, facts.value)];
  const fitting = new Set(asked.map(({ entry }) => entry));
  const considered = [
    ...ask(asked, facts.value, contentOf(body)),
    ...here.filter((entry) => !fitting.has(entry)).map((entry) => unfit(entry, facts.value)),
  ];
  return { outcome, considered, otherHosts: map.entries.length - here.length };
}

function ask(asked: readonly Candidate[], facts: RequestFacts, content: Content): readonly Consideration[] {
  const considered: Consideration[] = [];
  let decided: string | null = null;
  for (const candidate of asked) {
    const { entry } = candidate;
    const answer = decided === null ? judge(candidate, facts, content) : later(decided);
    considered.push({ at: entry.at, type: typeText(entry), nearness: 'asked', ...answer });
    if (answer.verdict !== 'does not fit') decided ??= entry.at;
  }
  return considered;
}

type Answer = Pick<Consideration, 'verdict' | 'why'>;

function later(decided: string): Answer {
  return {
    verdict: 'comes later',
    why: `the entry at ${decided} comes first: its host, path or method is more specific, or it stands before`,
  };
}

function judge({ entry, captures }: Candidate, facts: RequestFacts, content: Content): Answer {
  const reading = { facts, content, captures: captures ?? new Map<string, string>(), item: undefined };
  for (const condition of entry.conditions) {
    const result = holds(condition, reading);
    if (!result.ok) return { verdict: 'cannot be read', why: result.fault.detail };
    if (!result.value) return { verdict: 'does not fit', why: `expected: ${describeCondition(condition)}` };
  }
  if (captures === null) {
    return {
      verdict: 'almost fits',
      why: `the path is another spelling of ${entry.template.text}, so that the request is refused`,
    };
  }
  const count = entry.conditions.length;
  return {
    verdict: 'decides',
    why: `host, path and method fit${count === 0 ? '' : `, and ${count} of ${count} conditions hold`}`,
  };
}

function unfit(entry: Entry, facts: RequestFacts): Consideration {
  const known = { at: entry.at, type: typeText(entry), verdict: 'does not fit' } as const;
  if (captureExactly(entry, facts.path) === null) {
    return { ...known, nearness: 'other path', why: `the path is not ${entry.template.text}` };
  }
  const expected = (entry.methods ?? []).join(' or ');
  return { ...known, nearness: 'other method', why: `the method is ${facts.method}, expected ${expected}` };
}

function typeText({ type }: Entry): string {
  return type.pieces.map((piece) => (typeof piece === 'string' ? piece : `{${piece.name}}`)).join('');
}
