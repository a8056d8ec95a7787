import { APPROVAL_NAME } from '../approval/approval-name.ts';
import { makeVisible } from '../visible/text.ts';
import type { PluginContext } from './context.ts';
import { EXIT_GONE, EXIT_REFUSED, exitCodeOf } from './exit-codes.ts';
import { KubectlError } from './kubectl-error.ts';
import { isReadable, type SeenRequest } from './seen-request.ts';

/** The spellings of kubectl: `apr/NAME`, and what `-o name` prints. */
const KIND = /^(?:apr|approvalrequests?(?:\.aegis\.dev)?)\//u;

/** A name as somebody typed it, without the kind that may stand before it. */
export function bareName(typed: string): string {
  return typed.replace(KIND, '');
}

/** Reads a request by name. Null, once it is said and the exit code set, when there is none that can be shown. */
export async function readNamed(typed: string, namespace: string, context: PluginContext): Promise<SeenRequest | null> {
  const name = bareName(typed);
  const { io, requests } = context;
  const subject = makeVisible(name);
  if (!APPROVAL_NAME.test(name)) {
    io.stderr(`${subject}: there is no ApprovalRequest of this name; names look like apr-7zq3k9x2mb\n`);
    io.exit(EXIT_GONE);
    return null;
  }
  try {
    const seen = await requests.get(namespace, name);
    if (isReadable(seen)) return seen;
    io.stderr(`${subject}: cannot be shown: ${makeVisible(seen.unreadable)}\n`);
    io.exit(EXIT_REFUSED);
    return null;
  } catch (error) {
    if (!(error instanceof KubectlError) || error.problem !== 'not-found') throw error;
    io.stderr(`${subject}: ${makeVisible(error.message)} in namespace ${makeVisible(namespace)}\n`);
    io.exit(exitCodeOf(error));
    return null;
  }
}

/** Reads the requests of these names, each once: those that can be shown, after the others were told. */
export async function readEach(
  typed: readonly string[],
  namespace: string,
  context: PluginContext,
): Promise<readonly SeenRequest[]> {
  const found: SeenRequest[] = [];
  for (const name of eachOnce(typed)) {
    const seen = await readNamed(name, namespace, context);
    if (seen !== null) found.push(seen);
  }
  return found;
}

/** The names that were given, each once. */
export function eachOnce(typed: readonly string[]): readonly string[] {
  return [...new Set(typed.map(bareName))];
}
