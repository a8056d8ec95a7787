import { passed } from '../model/fault.ts';
import type { Value } from '../model/value.ts';
import { upgradeParam, type RequestFacts } from './facts.ts';
import type { Mapper } from './mapper.ts';
import { gatherParameters } from './parameters.ts';

const TYPES: ReadonlyMap<string, string> = new Map([
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['OPTIONS', 'read'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'update'],
  ['DELETE', 'delete'],
]);

const NONE: ReadonlySet<string> = new Set();

/**
 * What the request is called. Other methods have a prefix, or WebDAV's SEARCH would be what a policy for agents means by
 * `search`.
 */
function typeOf({ method }: RequestFacts): string {
  return TYPES.get(method) ?? `http.${method.toLowerCase()}`;
}

/** The action of a request that no entry is for: its type from the method, its target the host. */
export const defaultActions: Mapper = ({ facts, content, agentId }) => {
  const params = gatherParameters({
    fixed: new Map<string, Value>([['path', facts.path.text], ...upgradeParam(facts)]),
    reserved: [],
    query: facts.query,
    content,
    counted: content,
    taken: { query: NONE, body: NONE },
    item: new Map(),
  });
  if (!params.ok) return params;
  return passed([
    {
      type: typeOf(facts),
      target: facts.request.destination.host,
      params: params.value,
      description: '',
      agentId,
      effect: null,
      amountParam: null,
      mappedBy: null,
    },
  ]);
};
