/**
 * What kept kubectl from its work. `refused`: the API server heard it and said no. `unreachable`: nobody could be asked,
 * or the API server does not know who asks, or does not let him read.
 */
export type KubectlProblem =
  | 'not-found'
  | 'not-installed'
  | 'conflict'
  | 'expired'
  | 'forbidden'
  | 'refused'
  | 'unreachable';

/** kubectl ended with an error; the message is what it said, the words of the API server where those answered. */
export class KubectlError extends Error {
  readonly problem: KubectlProblem;

  constructor(problem: KubectlProblem, message: string) {
    super(message);
    this.name = 'KubectlError';
    this.problem = problem;
  }
}

/** How kubectl names the reason of an answer (metav1.StatusReason). */
const FROM_SERVER = /^Error from server \(([A-Za-z]+)\): /u;
/** How kubectl prints a 422 that names the object. */
const INVALID = /^The .* is invalid: /u;
/** The answer to a JSON patch that does not apply, which has no object. */
const INVALID_PATCH = /^The request is invalid: /u;
const REASONS: ReadonlyMap<string, KubectlProblem> = new Map([
  ['NotFound', 'not-found'],
  ['Conflict', 'conflict'],
  ['Expired', 'expired'],
  ['Gone', 'expired'],
  ['Forbidden', 'forbidden'],
  ['Invalid', 'refused'],
  ['BadRequest', 'refused'],
  ['RequestEntityTooLarge', 'refused'],
  ['MethodNotAllowed', 'refused'],
]);
const NOT_INSTALLED = ["doesn't have a resource type", 'the server could not find the requested resource'];

/** Reads what kubectl printed when it failed. */
export function kubectlError(printed: string): KubectlError {
  const message = lastMessage(printed);
  if (NOT_INSTALLED.some((words) => message.includes(words))) return new KubectlError('not-installed', message);
  const reason = FROM_SERVER.exec(message)?.[1];
  if (reason !== undefined) return new KubectlError(REASONS.get(reason) ?? 'unreachable', message);
  const isRefused = INVALID.test(message) || INVALID_PATCH.test(message);
  return new KubectlError(isRefused ? 'refused' : 'unreachable', message);
}

/** Warnings and log lines come before the message, which may have several lines itself. */
function lastMessage(printed: string): string {
  const lines = printed.trim().split('\n');
  const start = lines.findLastIndex(
    (line) =>
      /^(?:Error from server|error:|The |Unable to connect)/u.test(line) && !line.startsWith('The connection is'),
  );
  return lines.slice(Math.max(0, start)).join('\n') || 'kubectl ended with an error and said nothing';
}
