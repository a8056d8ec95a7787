import { passed } from '../model/fault.ts';
import type { Value } from '../model/value.ts';
import { upgradeParam } from './facts.ts';
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
      type: TYPES.get(facts.method) ?? facts.method.toLowerCase(),
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
