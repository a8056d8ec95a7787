import type { IncomingMessage } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { APPROVAL_PHASES, type ApprovalPhase, type ApproverDecision } from '../model/approval.ts';
import { FaultError } from '../model/fault.ts';
import type { ApprovalStore, DecideOutcome } from '../model/ports.ts';
import type { ApprovalWatch } from './approval-watch.ts';
import { wantedDecision } from './control-decision.ts';
import { answerProblem } from './control-problem.ts';

/** What the control interface works on. */
export interface ControlPorts {
  readonly approvals: Pick<ApprovalStore, 'get' | 'list'>;
  /**
   * Takes a decision: it is recorded in the audit trail before it takes effect. Rejects when it has none. Null where
   * people decide in a cluster.
   */
  readonly decide: ((name: string, decision: Omit<ApproverDecision, 'at'>) => Promise<DecideOutcome>) | null;
}

/** What the application answers with. */
export interface ControlParts {
  readonly ports: ControlPorts;
  readonly watch: ApprovalWatch;
  /** Names the user at the other end of a request; null when it cannot. */
  readonly approverOf: (request: IncomingMessage) => Promise<string | null>;
}

/** A decision is a verdict, a sentence and a digest. */
const MAX_BODY_BYTES = 16 * 1024;
const DEFAULT_LIST = 100;
const DECIDED_ELSEWHERE =
  'the API server has to know who decides: kubectl patch apr NAME --subresource=status --type=json -p ' +
  `'[{"op":"add","path":"/status/decisions/-","value":{"verdict":"approved"}}]'`;
const MAX_LIST = 500;

/** Makes the application. */
export function controlApp({ ports, watch, approverOf }: ControlParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  app.get('/v1/approvals', (request, response) => list(ports, request, response));
  app.get('/v1/approvals/watch', (_request, response) => follow(watch, response));
  app.get('/v1/approvals/:name', (request, response) => show(ports, request.params.name, response));
  app.post(
    '/v1/approvals/:name/decision',
    express.json({ limit: MAX_BODY_BYTES, type: 'application/json' }),
    (request, response) =>
      approverOf(request).then((approver) =>
        decide({ ports, response, name: request.params.name }, approver, request.body),
      ),
  );
  app.use((request: Request, response: Response) => {
    answerProblem(
      response,
      'not-found',
      `expected one of the paths under /v1/approvals, found ${request.method} ${request.path.slice(0, 200)}`,
    );
  });
  app.use(answerError);
  return app;
}

async function follow(watch: ApprovalWatch, response: Response): Promise<void> {
  if (await watch.add(response)) return;
  answerProblem(response, 'unavailable', 'as many are watching as may watch at once');
}

async function show(ports: ControlPorts, name: string, response: Response): Promise<void> {
  const approval = await ports.approvals.get(name);
  if (approval === null) answerProblem(response, 'unknown-approval', unknownDetail(name));
  else response.json({ approval });
}

async function list(ports: ControlPorts, request: Request, response: Response): Promise<void> {
  const { phase, limit = String(DEFAULT_LIST), ...others } = request.query;
  const phases = phasesOf(phase);
  const count = typeof limit === 'string' && /^\d{1,4}$/u.test(limit) ? Number(limit) : 0;
  if (phases === undefined || count < 1 || count > MAX_LIST || Object.keys(others).length > 0) {
    const expected = `phase (some of ${APPROVAL_PHASES.join(',')}) and limit (1 to ${MAX_LIST})`;
    return answerProblem(response, 'bad-request', `expected no other query than ${expected}`);
  }
  response.json({ approvals: await ports.approvals.list({ phases, limit: count }) });
}

/** Null for all of them, undefined for what is none. */
function phasesOf(text: unknown): readonly ApprovalPhase[] | null | undefined {
  if (text === undefined) return null;
  if (typeof text !== 'string') return undefined;
  const words = text.split(',');
  const phases = APPROVAL_PHASES.filter((phase) => words.includes(phase));
  return phases.length === new Set(words).size ? phases : undefined;
}

interface Target {
  readonly ports: ControlPorts;
  readonly response: Response;
  readonly name: string;
}

async function decide({ ports, response, name }: Target, approver: string | null, body: unknown): Promise<void> {
  if (ports.decide === null) return answerProblem(response, 'decided-elsewhere', DECIDED_ELSEWHERE);
  if (approver === null) {
    return answerProblem(response, 'unknown-approver', 'expected a user of this system at the other end of the socket');
  }
  if (body === undefined) return answerProblem(response, 'not-json', 'expected a body sent as application/json');
  const wanted = wantedDecision(body);
  if (typeof wanted === 'string') return answerProblem(response, 'bad-request', wanted);
  const { fingerprint, reason, verdict } = wanted;
  const seen = await ports.approvals.get(name);
  if (seen !== null && fingerprint !== null && seen.ask.fingerprint !== fingerprint) {
    const detail = `expected fingerprint ${seen.ask.fingerprint}, found another: look at ${name} again`;
    return answerProblem(response, 'other-request', detail);
  }
  const outcome = await ports.decide(name, { approver, verdict, reason });
  answerOutcome(response, { name, approver, outcome });
}

interface Decided {
  readonly name: string;
  readonly approver: string;
  readonly outcome: DecideOutcome;
}

function answerOutcome(response: Response, { approver, name, outcome }: Decided): void {
  switch (outcome.kind) {
    case 'recorded':
      response.json({ approval: outcome.approval });
      return;
    case 'unknown-approval':
      return answerProblem(response, 'unknown-approval', unknownDetail(name));
    case 'not-pending': {
      const { phase } = outcome.approval;
      const state = phase === 'pending' ? 'expired' : phase;
      return answerProblem(response, 'not-pending', `${name} is ${state}`, { phase: state });
    }
    case 'already-decided':
      return answerProblem(response, 'already-decided', `${approver} has decided on ${name} before, and decides once`);
    default:
      outcome satisfies never;
  }
}

function unknownDetail(name: string): string {
  return `expected the name of an approval such as apr-7zq3k9x2mb, found ${JSON.stringify(name.slice(0, 100))}`;
}

function answerError(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = clientErrorOf(error);
  if (status === 413) answerProblem(response, 'too-large', `expected at most ${MAX_BODY_BYTES} bytes`);
  else if (status !== null) answerProblem(response, 'bad-request', 'expected a valid path and a body that is JSON');
  else if (error instanceof FaultError) {
    answerProblem(response, 'unavailable', error.fault.detail, { fault: error.fault.code });
  } else answerProblem(response, 'unavailable', error instanceof Error ? error.message : String(error));
}

/** The status that Express or its body reader gives to what a client did wrong; null for every other error. */
function clientErrorOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('status' in error)) return null;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
