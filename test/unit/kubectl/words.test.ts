import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addConnectionFlags, asCommander, connectionFlags } from '../../../src/kubectl/connection-flags.ts';
import { decideOn, type DecidingPort } from '../../../src/kubectl/deciding.ts';
import { kubectlError, KubectlError } from '../../../src/kubectl/kubectl-error.ts';
import { isReadable, seenRequest, type SeenRequest } from '../../../src/kubectl/seen-request.ts';
import { visibleLines } from '../../../src/kubectl/visible-lines.ts';
import { approvalRequest } from '../../support/approval-request.ts';

describe('what kubectl says when it fails', () => {
  it.each([
    ['Error from server (NotFound): approvalrequests.aegis.dev "apr-1" not found', 'not-found'],
    ['error: the server doesn\'t have a resource type "approvalrequests"', 'not-installed'],
    ['Error from server (NotFound): the server could not find the requested resource', 'not-installed'],
    ['Error from server (Conflict): Operation cannot be fulfilled', 'conflict'],
    ['Error from server (Expired): too old resource version: 1 (2)', 'expired'],
    ['Error from server (Forbidden): ... denied request: bob may not decide here', 'forbidden'],
    ['The ApprovalRequest "apr-1" is invalid: status.decisions[0].reason: Required value', 'refused'],
    ['The request is invalid: the server rejected our request due to an error in our request', 'refused'],
    ['Error from server (TooManyRequests): slow down', 'unreachable'],
    ['Error from server (ServiceUnavailable): etcdserver: no leader', 'unreachable'],
    ['Unable to connect to the server: dial tcp: lookup nowhere: no such host', 'unreachable'],
    ['error: You must be logged in to the server (Unauthorized)', 'unreachable'],
    ['', 'unreachable'],
  ] as const)('%s', (printed, problem) => {
    const error = kubectlError(`${printed}\n`);
    expect(error.problem).toBe(problem);
    if (printed !== '') expect(error.message).toBe(printed);
  });

  it('is told from warnings and log lines before it', () => {
    const printed =
      'Warning: old version\nI1124 12:00:00 loader.go:1] Config loaded\nError from server (NotFound): nothing\nof that name\n';
    expect(kubectlError(printed).message).toBe('Error from server (NotFound): nothing\nof that name');
  });

  it('is made visible line by line, with what it is indented by', () => {
    expect(visibleLines('a\n  b\u001B[2J\n\nc\u202E \n')).toBe('a\n  b\\u{001B}[2J\n\nc\\u{202E}\n');
  });
});

describe('the flags of the connection', () => {
  it('are passed on as they were given, whatever their spelling', () => {
    const program = new Command().exitOverride();
    addConnectionFlags(program);
    program
      .command('pending')
      .allowUnknownOption()
      .action(() => undefined);
    program.parse(
      asCommander([
        '-n=agents',
        'pending',
        '--as-group',
        'a',
        '--as-group=b',
        '-s',
        'https://x',
        '--insecure-skip-tls-verify=true',
        '--disable-compression=false',
        '-v=6',
        '--token=a=b',
      ]),
      { from: 'user' },
    );
    expect(connectionFlags(program)).toEqual([
      '--namespace=agents',
      '--as-group=a',
      '--as-group=b',
      '--server=https://x',
      '--token=a=b',
      '--insecure-skip-tls-verify',
      '--v=6',
    ]);
    expect(connectionFlags(program, ['namespace'])).not.toContain('--namespace=agents');
  });
});

describe('a decision', () => {
  const seen = (change: object = {}, uid = 'u1'): SeenRequest => {
    const made = approvalRequest('apr-0000000001', {
      metadata: { uid, resourceVersion: '1', creationTimestamp: '2026-11-24T18:00:00Z' },
      spec: { requester: 'gateway', request: { entry: 'route', method: 'POST', url: 'https://a.example/' } },
    });
    const found = seenRequest({ ...made, status: { phase: 'Pending', ...change } });
    if (!isReadable(found)) throw new Error(found.unreadable);
    return found;
  };
  const approve = { verdict: 'approved', reason: '', approver: null } as const;
  const port = (
    answers: readonly (SeenRequest | KubectlError)[],
    now: SeenRequest = seen(),
  ): DecidingPort & { tried: unknown[] } => {
    const left = [...answers];
    const tried: unknown[] = [];
    return {
      tried,
      decide: async (_seen, decision) => {
        tried.push(decision.approver);
        const next = left.shift();
        if (next === undefined) throw new Error('expected no further try');
        if (next instanceof KubectlError) throw next;
        return await Promise.resolve(next);
      },
      get: async () => await Promise.resolve(now),
      whoami: async () => await Promise.resolve('alice'),
    };
  };
  const conflict = new KubectlError('conflict', 'Error from server (Conflict): modified');
  const asks = new KubectlError('forbidden', 'everybody decides for themselves: approver has to be you, alice');
  const refused = new KubectlError('refused', 'The ApprovalRequest is invalid: no');

  it('states the name when the server asks for it', async () => {
    const server = port([asks, seen()]);
    expect(await decideOn(seen(), approve, server)).toMatchObject({ kind: 'decided' });
    expect(server.tried).toEqual([null, 'alice']);
  });

  it('does not state it again and again', async () => {
    const server = port([asks, asks]);
    expect(await decideOn(seen(), approve, server)).toMatchObject({ kind: 'not-decided', exit: 1 });
  });

  it('is tried again after a conflict while it is the same request, and not without end', async () => {
    expect(await decideOn(seen(), approve, port([conflict, conflict, seen()]))).toMatchObject({ kind: 'decided' });
    const endless = port([conflict, conflict, conflict, conflict]);
    expect(await decideOn(seen(), approve, endless)).toMatchObject({ kind: 'not-decided', exit: 1 });
    expect(endless.tried).toHaveLength(4);
  });

  it('is not made on another request under the name', async () => {
    expect(await decideOn(seen(), approve, port([conflict], seen({}, 'u2')))).toEqual({
      kind: 'not-decided',
      exit: 1,
      problem: 'has become another request since it was shown; nothing was decided',
    });
  });

  it('says in the words of the server what ended meanwhile, and what is refused', async () => {
    const ended = seen({ phase: 'Denied', decisions: [{ approver: 'bob', verdict: 'denied', reason: 'no' }] });
    expect(await decideOn(seen(), approve, port([refused], ended))).toEqual({
      kind: 'not-decided',
      exit: 3,
      problem: refused.message,
    });
    expect(await decideOn(seen(), approve, port([refused]))).toEqual({
      kind: 'not-decided',
      exit: 1,
      problem: refused.message,
    });
    const gone = new KubectlError('not-found', 'not found');
    expect(await decideOn(seen(), approve, port([gone]))).toMatchObject({ exit: 3 });
    await expect(decideOn(seen(), approve, port([new KubectlError('unreachable', 'away')]))).rejects.toThrow('away');
  });
});
