import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAgentSide } from './agent-side.ts';
import { startAdmin } from './admin/admin-server.ts';
import { startControl } from './admin/control-socket.ts';
import { openApprovalStore, type OpenedApprovals } from './approval-store.ts';
import type { OnApprovalEvent } from './approval/approval-event.ts';
import { createApprovalGate, SWEEP_INTERVAL_MS, type SweptGate } from './approval/gate.ts';
import { steadyClock } from './approval/steady-clock.ts';
import { MemoryHistory } from './audit/history.ts';
import type { OpenedJournal } from './audit/journal.ts';
import { SessionReader } from './audit/session-reader.ts';
import { openAuditTrail, type AuditTrail } from './audit-trail.ts';
import type { Environment } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { mountedOneByOne } from './config/watcher.ts';
import { openDataFolder } from './data-folder.ts';
import { MistakesError } from './document/mistake.ts';
import { exchange, type ExchangePorts } from './exchange.ts';
import { exchangeId } from './exchange-id.ts';
import { createRefusals } from './forward/refusal.ts';
import { createDataListener } from './intercept/data-listener.ts';
import type { DataListener, PortRefusal, TlsHooks } from './intercept/settings.ts';
import type { Clock, Log } from './model/ports.ts';
import type { RawHead } from './model/request.ts';
import { openNotifier } from './notices.ts';
import type { Notifier } from './notify/notifier.ts';
import { lookBackMs } from './policy/policy-set.ts';
import { readinessOf } from './readiness.ts';
import { portRefusalRecord } from './evidence/records.ts';
import { redactFault, redactRawHead } from './redaction/redact.ts';
import { Reloader } from './reload.ts';
import { gateSettings, interceptSettings } from './settings.ts';
import { createTelemetry, type Telemetry } from './telemetry/metrics.ts';
import { loadParts, type BuiltIn, type Parts } from './world.ts';
import { WorldKeeper } from './world-keeper.ts';

/** What a gateway is started with. */
export interface GatewayOptions {
  readonly config: Config;
  /** Watched for changes; null when the configuration is built in. */
  readonly configFile: string | null;
  /** Decides when there is no configuration file. */
  readonly builtIn: BuiltIn | null;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Go on in a new journal segment where the chain is broken, instead of refusing to start. */
  readonly acceptBrokenChain?: boolean;
  /** Writes to standard output, where audit records may go. */
  readonly stdout?: (text: string) => void;
}

/** A running gateway. Disposing it drains what runs and stops its parts in reverse order. */
export interface Gateway extends AsyncDisposable {
  readonly data: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
  readonly controlSocket: string;
}

interface Approvals extends OpenedApprovals {
  readonly gate: SweptGate;
  readonly notifier: Notifier;
}

/** Everything that keeps state, opened before anything listens. */
interface Foundation extends AuditTrail, Approvals {
  readonly history: MemoryHistory;
  readonly keeper: WorldKeeper;
  readonly reloader: Reloader;
  readonly telemetry: Telemetry;
}

/**
 * Starts a gateway: its parts in order, the data port last, so that a half-started gateway never takes a request. Rejects
 * with `MistakesError` when a file is wrong, and with the error of the part that did not start; what had started is
 * stopped again.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const parts = new AsyncDisposableStack();
  try {
    return await startParts(options, parts);
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

async function startParts(options: GatewayOptions, parts: AsyncDisposableStack): Promise<Gateway> {
  const { config, log, clock } = options;
  const foundation = await layFoundation(options, parts);
  const { journal, store, telemetry, feed, sinks, anchors } = foundation;
  const control = parts.use(
    await startControl(join(config.data_dir, 'control.sock'), { approvals: store, decide: foundation.decide }),
  );
  const agentSide = await openAgentSide({
    config,
    clock,
    log,
    request: () => foundation.keeper.current().request,
    counted: {
      certificate: (made) => telemetry.certificate(made),
      failure: (failure) => telemetry.tlsFailure(failure),
    },
  });
  const listener = listenerOf(options, foundation, agentSide.tls);
  telemetry.observe({
    listener,
    journal,
    feed,
    sinks: [feed, ...sinks],
    anchors,
    store,
    cluster: foundation.health,
    notified: () => foundation.notifier.states(),
    world: () => foundation.keeper.current(),
  });
  const readiness = (): ReturnType<typeof readinessOf> => readinessOf({ ...foundation, control });
  const admin = parts.use(
    await startAdmin(config.listeners.admin, { readiness, metrics: async () => await telemetry.metrics() }),
  );
  parts.defer(async () => await listener.drain(config.limits.drain_timeout));
  const data = await listener.listen();
  foundation.keeper.listening(
    [data, admin].map((one) => ({ host: 'address' in one ? one.address : one.host, port: one.port })),
  );
  const agentFiles = await agentSide.writeFiles(data);
  await journal.append(
    { kind: 'lifecycle', event: 'started', detail: `version ${options.version}`, data: { pid: process.pid } },
    'synced',
  );
  log.info('gateway.ready', {
    data_host: data.address,
    data_port: data.port,
    admin_host: admin.host,
    admin_port: admin.port,
    control: control.path,
    agent_files: agentFiles,
    approvers_by: control.approversBy,
  });
  return {
    data: { host: data.address, port: data.port },
    admin: { host: admin.host, port: admin.port },
    controlSocket: control.path,
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}

async function layFoundation(options: GatewayOptions, parts: AsyncDisposableStack): Promise<Foundation> {
  const { config, clock, log, builtIn } = options;
  const loaded = await loadParts(config, builtIn);
  if (!loaded.ok) throw new MistakesError(loaded.mistakes);
  await warnOfFrozenFiles(options);
  const redactionKey = await openDataFolder(config.data_dir, join(config.data_dir, 'redaction.key'), log);
  const trail = await openAuditTrail(options, parts);
  const { journal } = trail;
  const history = new MemoryHistory();
  const sessions = new SessionReader({ history, dir: journal.dir, upToSeq: journal.head().seq, clock });
  const prepare = async ({ policy }: Parts): Promise<void> => void (await sessions.reachBack(lookBackMs(policy)));
  await prepare(loaded.value);
  const telemetry = createTelemetry({ clock, version: options.version, nodeVersion: process.version });
  const approvals = await openApprovals(options, { journal, telemetry }, parts);
  const keeper = parts.use(new WorldKeeper({ config, parts: loaded.value, redactionKey, clock, log }));
  const reloader = parts.use(
    new Reloader({
      ...options,
      parts: loaded.value,
      journal,
      prepare,
      apply: (newConfig, newParts) => {
        const inform = approvals.notifier.prepare(newConfig.approvals.notify);
        keeper.replace(newConfig, newParts);
        inform();
      },
      counted: (part, result) => telemetry.reloaded(part, result),
    }),
  );
  await reloader.start();
  return { ...trail, ...approvals, history, keeper, reloader, telemetry };
}

async function openApprovals(
  options: GatewayOptions,
  { journal, telemetry }: { readonly journal: OpenedJournal; readonly telemetry: Telemetry },
  parts: AsyncDisposableStack,
): Promise<Approvals> {
  const { config, log } = options;
  const clock = steadyClock(options.clock);
  const notifier = openNotifier({ config, clock, log, telemetry }, parts);
  const onEvent: OnApprovalEvent = async (event, approval) => {
    await journal.append(event, 'synced');
    notifier.tell(event, approval);
  };
  const opened = await openApprovalStore({ ...options, clock, journal, onEvent }, parts);
  const gate = createApprovalGate({ store: opened.store, clock, onEvent }, gateSettings(config));
  const sweep = (): void => {
    gate.sweep().catch((error: unknown) => log.warn('approvals.not-swept', { problem: String(error) }));
  };
  const timer = setInterval(sweep, SWEEP_INTERVAL_MS);
  timer.unref();
  parts.defer(() => clearInterval(timer));
  // A store in a cluster is tried at once: whoever started the gateway sees what it lacks.
  if (opened.health !== null) sweep();
  notifier.begin(opened);
  return { ...opened, gate, notifier };
}

function listenerOf({ config, clock, log }: GatewayOptions, foundation: Foundation, tls: TlsHooks): DataListener {
  const { journal, gate, history, keeper, telemetry } = foundation;
  const ports: ExchangePorts = {
    clock,
    newId: () => exchangeId(clock.now()),
    world: () => keeper.current(),
    journal,
    approvals: gate,
    refusals: createRefusals(),
    history,
    meter: telemetry.meter,
    log,
  };
  return createDataListener(interceptSettings(config), async (raw) => await exchange(raw, ports), {
    tls,
    clock,
    log,
    cut: (why) => telemetry.connectionCut(why),
    refused: async (refusal) => {
      telemetry.meter.received(refusal.entry);
      telemetry.meter.refused(refusal.fault.code);
      const { agent, enforcement, redactor } = keeper.current();
      const facts = { exchangeId: exchangeId(clock.now()), agentId: agent.id, enforcement };
      const request = redactRawHead(refusal.head ?? unreadHead(refusal), redactor);
      const fault = redactFault(refusal.fault, redactor);
      await journal.append(portRefusalRecord(facts, { request, fault }), 'written');
    },
  });
}

/** What stands for the head of a request of which nothing could be read. */
function unreadHead({ entry, remoteAddress }: PortRefusal): RawHead {
  const nothing = {
    method: '',
    target: '',
    rawHeaders: [],
    httpVersion: '',
    secure: false,
    serverName: null,
    tunnelAuthority: null,
  };
  return { entry, remoteAddress, ...nothing };
}

/** A file that is mounted by `subPath` never changes under a running pod, so a new policy would go unseen. */
async function warnOfFrozenFiles({ config, configFile, log }: GatewayOptions): Promise<void> {
  const { policy, actions } = config;
  const files = [configFile, policy.baseline, ...policy.files, ...actions.files].filter(
    (file) => typeof file === 'string',
  );
  const mountInfo = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  for (const file of mountedOneByOne(files, mountInfo)) {
    log.warn('config.never-updated', {
      file,
      advice: 'mount the whole ConfigMap as a folder instead of this file by subPath',
    });
  }
}
