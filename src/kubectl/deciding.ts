import type { Decision } from './cluster-requests.ts';
import { EXIT_GONE, EXIT_REFUSED, exitCodeOf } from './exit-codes.ts';
import { KubectlError } from './kubectl-error.ts';
import { isReadable, isSameRequest, type Seen, type SeenRequest } from './seen-request.ts';

/** What deciding takes of the cluster. */
export interface DecidingPort {
  readonly decide: (seen: SeenRequest, decision: Decision) => Promise<Seen>;
  readonly get: (namespace: string, name: string) => Promise<Seen>;
  readonly whoami: () => Promise<string>;
}

/** What became of a decision. */
export type Outcome =
  | { readonly kind: 'decided'; readonly request: SeenRequest }
  | { readonly kind: 'not-decided'; readonly problem: string; readonly exit: number };

/** The API server tries a change again by itself; this many conflicts in a row are more than bad luck. */
const MAX_TRIES = 4;
/** How a server that does not write names asks for one (admission policy aegis-approval-decisions). */
const ASKS_FOR_NAME = 'everybody decides for themselves: approver has to be you';

/**
 * Adds a decision to exactly the request that was seen. States the person's name when the server asks for it. A change
 * that met another one is tried again as long as it is still the same request. Rejects when the server cannot be asked.
 */
export async function decideOn(seen: SeenRequest, decision: Decision, port: DecidingPort): Promise<Outcome> {
  let stated = decision;
  for (let tries = 1; ; tries += 1) {
    try {
      return decided(await port.decide(seen, stated));
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error;
      if (stated.approver === null && error.message.includes(ASKS_FOR_NAME)) {
        stated = { ...decision, approver: await port.whoami() };
        continue;
      }
      const outcome = await outcomeAfter(error, seen, port);
      if (outcome !== null) return outcome;
      if (tries >= MAX_TRIES) return { kind: 'not-decided', problem: error.message, exit: exitCodeOf(error) };
    }
  }
}

function decided(request: Seen): Outcome {
  if (isReadable(request)) return { kind: 'decided', request };
  return {
    kind: 'not-decided',
    problem: `was decided, and cannot be shown: ${request.unreadable}`,
    exit: EXIT_REFUSED,
  };
}

/** What a refusal means, seen what became of the request meanwhile; null when it is worth another try. */
async function outcomeAfter(error: KubectlError, seen: SeenRequest, port: DecidingPort): Promise<Outcome | null> {
  const { problem } = error;
  if (problem === 'unreachable' || problem === 'not-installed') throw error;
  if (problem === 'not-found') return { kind: 'not-decided', problem: error.message, exit: EXIT_GONE };
  const now = await port.get(seen.namespace, seen.name);
  if (!isReadable(now) || !isSameRequest(seen, now)) {
    const what = 'has become another request since it was shown; nothing was decided';
    return { kind: 'not-decided', problem: what, exit: EXIT_REFUSED };
  }
  if (now.record.phase !== 'pending') return { kind: 'not-decided', problem: error.message, exit: EXIT_GONE };
  if (problem === 'conflict') return null;
  return { kind: 'not-decided', problem: error.message, exit: EXIT_REFUSED };
}
