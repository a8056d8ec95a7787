import type { Actions } from '../model/action.ts';
import type { CanonicalRequest } from '../model/request.ts';

/**
 * The action of a tunnel: `connect`, with host and port as its target. No map entry can say more of it, since nothing
 * else is known.
 */
export function tunnelActions({ destination: { host, port } }: CanonicalRequest, agentId: string): Actions {
  return [
    {
      type: 'connect',
      target: `${host}:${port}`,
      params: new Map<string, string | bigint>([
        ['host', host],
        ['port', BigInt(port)],
      ]),
      description: `Open a connection to ${host}:${port} that is not looked into`,
      agentId,
      effect: null,
      amountParam: null,
      mappedBy: null,
    },
  ];
}
