import type { KubectlError } from './kubectl-error.ts';

/** Everything that was asked for is done. */
export const EXIT_DONE = 0;
/** The API server refused a decision, it was not asked for one, or the person thought better of it. */
export const EXIT_REFUSED = 1;
/** The command was called wrongly. */
export const EXIT_USAGE = 2;
/** A request is not there, or has ended or was granted already. */
export const EXIT_GONE = 3;
/** The API server cannot be reached, does not know who asks, does not let him read, or has no ApprovalRequests. */
export const EXIT_UNREACHABLE = 4;

/** The exit code for what kept kubectl from its work. */
export function exitCodeOf({ problem }: KubectlError): number {
  switch (problem) {
    case 'not-found':
      return EXIT_GONE;
    case 'refused':
    case 'conflict':
      return EXIT_REFUSED;
    case 'not-installed':
    case 'expired':
    case 'forbidden':
    case 'unreachable':
      return EXIT_UNREACHABLE;
    default:
      return problem satisfies never;
  }
}
