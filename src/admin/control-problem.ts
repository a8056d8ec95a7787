import type { Response } from 'express';
import type { Json } from '../model/value.ts';

/** What can go wrong at the control socket: the status and title of each code. */
const CONTROL_PROBLEMS = {
  'bad-request': { status: 400, title: 'The request is not what this interface takes' },
  'unknown-approver': { status: 403, title: 'The system does not say who you are' },
  'not-found': { status: 404, title: 'There is nothing under this path' },
  'unknown-approval': { status: 404, title: 'There is no approval of this name' },
  'not-pending': { status: 409, title: 'The approval is not pending any more' },
  'already-decided': { status: 409, title: 'You have decided on this approval before' },
  'decided-elsewhere': { status: 409, title: 'Approvals of this gateway are decided in the cluster' },
  'other-request': { status: 409, title: 'This name now stands for another request than the one you saw' },
  'too-large': { status: 413, title: 'The body is too large' },
  'not-json': { status: 415, title: 'The body is not JSON' },
  unavailable: { status: 503, title: 'The approvals cannot be read or written now' },
} as const;

export type ControlProblemCode = keyof typeof CONTROL_PROBLEMS;

/** Answers with a problem document (RFC 9457). */
export function answerProblem(
  response: Response,
  code: ControlProblemCode,
  detail: string,
  extensions: { readonly [member: string]: Json } = {},
): void {
  const { status, title } = CONTROL_PROBLEMS[code];
  const problem = { ...extensions, type: `urn:aegis:control:${code}`, title, status, detail, code };
  response.status(status).set('Content-Type', 'application/problem+json').send(JSON.stringify(problem));
}
