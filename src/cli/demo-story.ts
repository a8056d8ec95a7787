import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gateway } from '../gateway.ts';
import { callInside, callThrough, type AgentAnswer, type AgentCall } from './demo-agent.ts';
import { approveOnSocket, auditCommand, phaseOnSocket } from './demo-evidence.ts';
import type { ToolApi } from './demo-tool-api.ts';
import type { CommandIo } from './io.ts';
import type { StoryClock } from './story-clock.ts';
import { wrapLines } from './wrap.ts';

/** Who and what the story is told with. */
export interface Story {
  readonly io: CommandIo;
  /** Approve without a second terminal. */
  readonly auto: boolean;
  /** The demo's folder as it is typed, and where it is. */
  readonly folder: string;
  readonly dataDir: string;
  readonly clock: StoryClock;
  readonly gateway: Gateway;
  readonly toolApi: ToolApi;
}

/** As long as the approval itself lives; after that there is nothing left to wait for. */
const WAIT_FOR_HUMAN_MS = 15 * 60 * 1_000;
const RETRIES_AFTER_SUCCESS = 2;

/**
 * Tells the story. `untrue` when something did not happen as it says: the demo is also a test of itself. `stopped` when
 * it was ended by Ctrl-C.
 */
export async function tellStory(story: Story): Promise<'told' | 'untrue' | 'stopped'> {
  const { io, gateway, toolApi, clock, folder } = story;
  const api = `http://127.0.0.1:${toolApi.port}`;
  const say = (text: string): void => tell(story, text);
  say(bold(io, 'Aegis Gateway: the story of an agent that may not do everything'));
  say(`
  gateway    http://127.0.0.1:${gateway.data.port}   (the agent's HTTP_PROXY)
  shop API   ${api}, and https on port ${toolApi.tlsPort}   (does whatever it is asked)
  files      ${folder}   policy.yaml, actions.yaml, gateway.log; made anew`);
  const checks: boolean[] = [];

  chapter(story, 1, 'The agent reads an order', 'GET /orders/7');
  checks.push(show(story, await call(story, { method: 'GET', url: `${api}/orders/7` }), 200));

  chapter(story, 2, 'The agent deletes 250 orders at once', 'POST /orders/bulk-delete');
  const ids = Array.from({ length: 250 }, (_value, index) => index + 1);
  checks.push(show(story, await call(story, { method: 'POST', url: `${api}/orders/bulk-delete`, body: { ids } }), 403));

  chapter(
    story,
    3,
    'The agent tries the same over HTTPS',
    `CONNECT 127.0.0.1:${toolApi.tlsPort}, and inside it GET /orders/8 and POST /orders/bulk-delete`,
  );
  checks.push(await httpsStory(story, ids));

  const night = `${new Date(clock.now()).toISOString().slice(0, 10)}T03:00:00Z`;
  clock.set(night);
  chapter(story, 4, `The story sets the gateway's clock to ${night}. The agent deploys`, 'POST /deployments');
  const deployment = { environment: 'production', version: '1.4.2' };
  checks.push(show(story, await call(story, { method: 'POST', url: `${api}/deployments`, body: deployment }), 403));
  clock.reset();
  say('   The story sets the clock back to the time that it is.');

  chapter(story, 5, 'The agent refunds 49.90 for order 7', 'POST /refunds');
  const refund = { method: 'POST', url: `${api}/refunds`, body: { order: 7, amount: 49.9 } };
  const approved = await refundStory(story, refund);
  if (approved === 'stopped') return 'stopped';
  checks.push(approved);

  chapter(story, 6, 'The audit trail', `${commandOf(io)} audit list --data-dir ${folder}`);
  say((await auditCommand(story.dataDir, io, ['list'])).text);
  io.stdout(`\n   ${commandOf(io)} audit verify --data-dir ${folder}\n`);
  const verified = await auditCommand(story.dataDir, io, ['verify']);
  say(verified.text);
  const { done } = toolApi;
  checks.push(verified.ok, done.reads === 2, done.refunds === 1, done.deletions === 0, done.deployments === 0);
  say(
    `\n   The shop API did: ${done.reads} reads, ${done.refunds} refund, ${done.deployments} deployments, ${done.deletions} bulk deletions.`,
  );
  const told = checks.every(Boolean);
  say(
    told
      ? bold(io, '\n   Everything happened as the policy says.')
      : bold(io, '\n   Something did NOT happen as the policy says: see above.'),
  );
  return told ? 'told' : 'untrue';
}

/** What is inside a CONNECT is judged like everything else: the agent trusts the gateway's CA, and sees its certificate. */
async function httpsStory(story: Story, ids: readonly number[]): Promise<boolean> {
  const { gateway, toolApi, dataDir } = story;
  const api = `https://127.0.0.1:${toolApi.tlsPort}`;
  const ca = await readFile(join(dataDir, 'agent', 'ca.pem'), 'utf8');
  const read = await callInside(gateway.data.port, { method: 'GET', url: `${api}/orders/8` }, ca);
  const passed = show(story, read.answer, 200);
  const deletion = { method: 'POST', url: `${api}/orders/bulk-delete`, body: { ids } };
  const { answer, issuer } = await callInside(gateway.data.port, deletion, ca);
  const blocked = show(story, answer, 403);
  tell(story, `   The agent was shown a certificate of "${issuer}", whose key is in the gateway's memory only.`);
  return passed && blocked && issuer.startsWith('Aegis Gateway');
}

async function refundStory(story: Story, refund: AgentCall): Promise<boolean | 'stopped'> {
  const { io, auto, folder, dataDir } = story;
  const first = await call(story, refund);
  const asPlanned = show(story, first, 403);
  const name = approvalName(first);
  if (name === null) return false;
  const socket = join(dataDir, 'control.sock');
  if (auto) {
    io.stdout(
      `   Approving by itself, as a person would with:\n   ${commandOf(io)} approvals approve ${name} --data-dir ${folder}\n`,
    );
    await approveOnSocket(socket, name);
  } else {
    io.stdout(`
   ${bold(io, 'Your turn.')} In a second terminal, in this folder:

   ${commandOf(io)} approvals show ${name} --data-dir ${folder}
   ${commandOf(io)} approvals approve ${name} --data-dir ${folder}

   The agent asks again every second; Ctrl-C ends the demo.\n`);
    const phase = await waitForHuman(story, socket, name);
    if (phase !== 'approved') return phase === 'stopped' ? 'stopped' : false;
  }
  io.stdout('   Approved. The agent sends exactly the same request again:\n');
  const second = await call(story, refund);
  const ran = show(story, second, 201);
  io.stdout('   The agent does not believe its luck, and sends it again, and again:\n');
  let repeated = true;
  for (let retry = 0; retry < RETRIES_AFTER_SUCCESS; retry += 1)
    repeated = show(story, await call(story, refund), 403) && repeated;
  tell(story, '   Each further execution would need an approval of its own.');
  tell(story, `   Refunds that the shop made: ${story.toolApi.done.refunds}`);
  return asPlanned && ran && repeated;
}

async function waitForHuman({ io }: Story, socket: string, name: string): Promise<string> {
  const until = io.clock.monotonic() + WAIT_FOR_HUMAN_MS;
  while (io.clock.monotonic() < until) {
    if (io.signal.aborted) return 'stopped';
    const phase = await phaseOnSocket(socket, name);
    if (phase !== 'pending') return phase;
    await new Promise((done) => setTimeout(done, 1_000));
  }
  return 'pending';
}

async function call({ gateway }: Story, given: AgentCall): Promise<AgentAnswer> {
  return await callThrough(gateway.data.port, given);
}

function chapter(story: Story, number: number, title: string, line: string): void {
  tell(story, `\n${bold(story.io, `${number}  ${title}`)}`);
  story.io.stdout(`   ${line}\n`);
}

function show(story: Story, answer: AgentAnswer, expected: number): boolean {
  const { io } = story;
  const { status } = answer;
  const [code, detail, advice] = ['code', 'detail', 'advice'].map((member) => textOf(answer, member));
  const text = code === '' ? `passed: ${answer.text}` : `${code}: ${detail}\n       for the agent: ${advice}`;
  tell(story, `   ${paint(io, status < 400 ? 32 : 31, String(status))} ${text}`);
  return status === expected;
}

function approvalName({ body }: AgentAnswer): string | null {
  const approval = body.get('approval');
  if (typeof approval !== 'object' || approval === null || !('name' in approval)) return null;
  return typeof approval.name === 'string' ? approval.name : null;
}

function textOf({ body }: AgentAnswer, member: string): string {
  const value = body.get(member);
  return typeof value === 'string' ? value : '';
}

/** How this product is called where the demo was: in a checkout there is no command of its name. */
function commandOf({ env }: CommandIo): string {
  return /^(?:demo|aegis-gateway)$/u.test(env['npm_lifecycle_event'] ?? '')
    ? 'npm run aegis-gateway --'
    : 'aegis-gateway';
}

/** Sentences are folded to the terminal; commands are not, so that they can be copied. */
function tell({ io }: Story, text: string): void {
  io.stdout(`${wrapLines(text, io.columns)}\n`);
}

function bold(io: CommandIo, text: string): string {
  return paint(io, 1, text);
}

function paint(io: CommandIo, code: number, text: string): string {
  return io.colour ? `\u001B[${code}m${text}\u001B[0m` : text;
}
