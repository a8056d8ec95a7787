import { randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Anchors } from './audit/anchors.ts';
import { CursorFile } from './audit/cursor-file.ts';
import { openJournal, type OpenedJournal } from './audit/journal.ts';
import { knownEndOf } from './audit/known-end.ts';
import { Retention, RETENTION_INTERVAL_MS } from './audit/retention.ts';
import { openSigningKeys, type SigningKeys } from './audit/signing-key.ts';
import { FEED_SETTINGS, startFeed, type FeedSettings, type SinkFeed } from './audit/sink-feed.ts';
import type { Sink } from './audit/sink.ts';
import { yieldingPace } from './audit/sink-pace.ts';
import { openSqliteSink } from './audit/sqlite-sink.ts';
import { openStdoutSink } from './audit/stdout-sink.ts';
import { CHECKPOINT_RECORDS, type UpkeepSettings } from './audit/upkeep.ts';
import { openWebhookSink, type WebhookSinkSettings } from './audit/webhook-sink.ts';
import type { AuditConfig, WebhookConfig } from './config/audit-schema.ts';
import type { Config } from './config/schema.ts';
import type { Clock, Log } from './model/ports.ts';

export interface AuditTrailOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly acceptBrokenChain?: boolean;
  /** Writes to standard output, for the sink of that name; without it, that sink cannot be used. */
  readonly stdout?: (text: string) => void;
}

/** The audit trail of a running gateway. */
export interface AuditTrail {
  readonly journal: OpenedJournal;
  /** The audit database. */
  readonly feed: SinkFeed;
  /** The sinks that the configuration names. */
  readonly sinks: readonly SinkFeed[];
  readonly anchors: Anchors;
}

/** How long sinks may take to catch up at the end; what they lack then, they get at the next start. */
const FEED_STOP_MS = 5_000;
/** How long the last anchor may take. */
const ANCHOR_STOP_MS = 2_000;
/** What one request to a web service carries at most, unless a single record is larger. */
const WEBHOOK_BATCH_BYTES = 1024 * 1024;

/** From 0 to 1, in steps that are fine enough to spread waits. */
const random = (): number => randomInt(1_000_000) / 1_000_000;

/** Opens the journal and starts what follows it. Rejects with the error of the part that did not start. */
export async function openAuditTrail(options: AuditTrailOptions, parts: AsyncDisposableStack): Promise<AuditTrail> {
  const { config, clock, log } = options;
  const { audit, data_dir: dir } = config;
  const anchors = new Anchors(audit.anchor_file ?? null, log);
  const database = join(dir, 'audit.db');
  const sinks = await Promise.all(audit.sinks.map(async (sink) => await sinkOf(sink, options)));
  const journal = await openJournal({
    dir: join(dir, 'journal'),
    clock,
    newId: randomUUID,
    log,
    pid: process.pid,
    acceptBrokenChain: options.acceptBrokenChain ?? false,
    knownEnd: () => knownEndOf(database),
    signing: { keys: await keysOf(options), settings: upkeepSettings(audit), announce: anchors.announce },
  });
  const start = (sink: Sink, settings: FeedSettings): SinkFeed => startFeed({ journal, sink, log, settings, random });
  const pace = yieldingPace({ busy: loopUse(), restMs: FEED_SETTINGS.restMs });
  const feed = startFeed({ journal, sink: openSqliteSink(database), log, pace, random });
  const feeds = sinks.map(({ sink, settings }) => start(sink, settings));
  const all = [feed, ...feeds];
  // The feeds end last, so that sinks get what the journal took in the end.
  parts.defer(async () => void (await Promise.all(all.map(async (one) => await one.stop(FEED_STOP_MS)))));
  parts.defer(async () => await closeJournal(journal, anchors));
  keepWithin(options, { journal, feeds: all }, parts);
  return { journal, feed, sinks: feeds, anchors };
}

/** Says each time which share of the time since the last one the event loop was at work. */
function loopUse(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** The key is made in the data folder unless one is mounted; its public half always stands there. */
async function keysOf({ config: { audit, data_dir: dir }, log }: AuditTrailOptions): Promise<SigningKeys> {
  const { signing_key: mounted } = audit;
  const publicFile = join(dir, 'journal-key.pub.pem');
  const keys = await openSigningKeys({
    privateFile: mounted ?? join(dir, 'journal-key.pem'),
    make: mounted === undefined,
    publicFile,
  });
  if (keys.changed) {
    const advice = 'where nobody changed it, the key was lost or replaced; keep the new public key elsewhere';
    log.warn('audit.signing-key-changed', { key: keys.signer.key, public_keys: publicFile, advice });
  }
  return keys;
}

function upkeepSettings(audit: AuditConfig): UpkeepSettings {
  return {
    checkpointRecords: CHECKPOINT_RECORDS,
    checkpointMs: audit.checkpoint_interval,
    segmentBytes: audit.segment_size,
    segmentMs: audit.segment_age,
  };
}

interface ConfiguredSink {
  readonly sink: Sink;
  readonly settings: FeedSettings;
}

async function sinkOf(
  config: AuditConfig['sinks'][number],
  { config: { data_dir: dir }, clock, stdout }: AuditTrailOptions,
): Promise<ConfiguredSink> {
  switch (config.kind) {
    case 'stdout': {
      if (stdout === undefined)
        throw new Error('audit.sinks: there is no standard output here that records could go to');
      return { sink: openStdoutSink(stdout, cursorOf(dir, 'stdout')), settings: FEED_SETTINGS };
    }
    case 'webhook': {
      const sink = openWebhookSink(await webhookSettings(config), cursorOf(dir, config.name), clock);
      return { sink, settings: { ...FEED_SETTINGS, batch: { records: config.batch, bytes: WEBHOOK_BATCH_BYTES } } };
    }
    default:
      return config satisfies never;
  }
}

function cursorOf(dir: string, name: string): CursorFile {
  return new CursorFile(join(dir, 'sinks', `${name}.cursor.json`));
}

async function webhookSettings(config: WebhookConfig): Promise<WebhookSinkSettings> {
  const { name, url, format, credential = null, signature = null, timeout } = config;
  const extraCa = await Promise.all(config.ca_files.map(async (file) => await readFile(file, 'utf8')));
  return { name, address: { kind: 'url', url }, format, credential, signature, timeoutMs: timeout, extraCa };
}

function keepWithin(
  { config: { audit }, clock, log }: AuditTrailOptions,
  { journal, feeds }: { readonly journal: OpenedJournal; readonly feeds: readonly SinkFeed[] },
  parts: AsyncDisposableStack,
): void {
  const settings = { maxAgeMs: audit.retention ?? null, maxBytes: audit.max_size ?? null };
  if (settings.maxAgeMs === null && settings.maxBytes === null) return;
  const retention = new Retention({ journal, feeds, settings, clock, log });
  const timer = setInterval(() => void retention.sweep(), RETENTION_INTERVAL_MS);
  timer.unref();
  parts.defer(() => clearInterval(timer));
}

async function closeJournal(journal: OpenedJournal, anchors: Anchors): Promise<void> {
  await journal
    .append({ kind: 'lifecycle', event: 'stopped', detail: 'drained', data: {} }, 'synced')
    .catch(() => null);
  await journal.close();
  const ended = new AbortController();
  await Promise.race([
    anchors.settled(),
    sleep(ANCHOR_STOP_MS, undefined, { signal: ended.signal }).catch(() => undefined),
  ]);
  ended.abort();
}
