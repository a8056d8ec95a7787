import { readFileSync } from 'node:fs';
import type { NotifyTarget } from '../config/notify-schema.ts';
import type { ApprovalRecord } from '../model/approval.ts';
import type { ApprovalStore } from '../model/ports.ts';
import { createWebhookClient, type WebhookSettings } from '../webhook/webhook-client.ts';
import { CLOUD_EVENT_TYPE, cloudEventOf } from './cloud-event.ts';
import type { DecidingPlace } from './commands.ts';
import type { Message } from './message.ts';
import { noticeOf, pendingEventOf, withoutParams, type ApprovalEvent, type Notice } from './notice.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { SLACK_TYPE, slackMessageOf } from './slack-message.ts';
import { NoticeTarget, type TargetPorts, type TargetSettings } from './target.ts';

export interface NotifierPorts extends Pick<TargetPorts, 'clock' | 'log' | 'random' | 'counted' | 'failed'> {
  /** A URI-reference (RFC 3986) that names the workload of this gateway. */
  readonly source: string;
}

/** Where approvals are. */
export interface NotifierStore {
  readonly store: Pick<ApprovalStore, 'get' | 'list'>;
  /** Where people decide; rejects while that cannot be known. */
  readonly place: () => Promise<DecidingPlace>;
}

/**
 * Tells people that something waits for them. It only tells: it takes no part in deciding, nobody waits for it, and of
 * what it is answered it looks at nothing but whether the message was taken.
 */
export interface Notifier {
  /** Takes what happened, to tell it in the background. Never throws, and never waits. */
  tell(event: ApprovalEvent, approval: ApprovalRecord): void;
  /**
   * Makes the next targets ready and gives what brings them into force; throws when a file of theirs cannot be read. A
   * target that stays as it was goes on, one of the same name takes over what waits.
   */
  prepare(targets: readonly NotifyTarget[]): () => void;
  /** Begins to send, with what waits for a decision since before the start. */
  begin(from: NotifierStore): void;
  /** How each target is, for readiness and metrics. */
  states(): readonly NotifierState[];
  /** Sends what waits, for a short while, and ends. */
  stop(): Promise<void>;
}

export interface NotifierState {
  readonly name: string;
  /** Why the newest try came to nothing; null when it did not. */
  readonly problem: string | null;
  /** Notices that wait to be sent. */
  readonly waiting: number;
}

/** How long the end may take for it: a healthy service answers within a second. */
const STOP_MS = 3_000;
/** Of so many that wait since before the start, everything is read; of the rest what a list shows, for a summary. */
const READ_WHOLE = 30;
const MAX_LISTED = 1_000;
/** A store in a cluster may be out of reach when the gateway starts. */
const LIST_RETRY_MS = 10_000;

export function createNotifier(ports: NotifierPorts): Notifier {
  return new TargetNotifier(ports);
}

interface Kept {
  /** The configuration that it was made of. */
  readonly config: string;
  readonly target: NoticeTarget;
}

class TargetNotifier implements Notifier {
  readonly #ports: NotifierPorts;
  readonly #ended = new AbortController();
  #kept: readonly Kept[] = [];
  #from: NotifierStore | null = null;
  #recalling: Promise<void> = Promise.resolve();

  constructor(ports: NotifierPorts) {
    this.#ports = ports;
  }

  tell(event: ApprovalEvent, approval: ApprovalRecord): void {
    if (this.#kept.length === 0) return;
    try {
      const notice = noticeOf(event, approval, this.#ports.clock.now());
      if (notice !== null) this.#tellAll(notice);
    } catch (error) {
      // Whoever calls holds a request: what goes wrong here is not to be its problem.
      this.#ports.log.error('notify.not-made', { approval: approval.name, problem: String(error) });
    }
  }

  prepare(targets: readonly NotifyTarget[]): () => void {
    const next = targets.map((config): Kept => {
      const text = JSON.stringify(config);
      const same = this.#kept.find((kept) => kept.config === text);
      if (same !== undefined) return same;
      const before = this.#kept.find(({ target }) => target.name === config.name);
      return { config: text, target: this.#make(config, before?.target.outbox ?? createOutbox()) };
    });
    return () => this.#replace(next);
  }

  begin(from: NotifierStore): void {
    this.#from = from;
    for (const { target } of this.#kept) target.start();
    this.#recall(this.#kept.map(({ target }) => target));
  }

  states(): readonly NotifierState[] {
    return this.#kept.map(({ target }) => ({
      name: target.name,
      problem: target.problem(),
      waiting: target.waiting(),
    }));
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#kept.map(async ({ target }) => await target.stop(STOP_MS)));
    await this.#recalling;
  }

  #tellAll(notice: Notice): void {
    for (const { target } of this.#kept) {
      if (notice.phase !== 'pending') target.settle(notice.name);
      target.tell(notice);
    }
  }

  #replace(next: readonly Kept[]): void {
    const before = this.#kept;
    this.#kept = next;
    const gone = before.filter((kept) => !next.includes(kept)).map(({ target }) => target);
    for (const target of gone) {
      const heir = next.find((kept) => kept.target.name === target.name)?.target;
      void (heir === undefined ? target.stop(0) : target.retire().then(() => this.#start(heir)));
    }
    const names = new Set(before.map(({ target }) => target.name));
    const added = next.filter(({ target }) => !names.has(target.name)).map(({ target }) => target);
    for (const target of added) this.#start(target);
    this.#recall(added);
  }

  #start(target: NoticeTarget): void {
    if (this.#from !== null && !this.#ended.signal.aborted) target.start();
  }

  /** Tells targets that are new what waits for a decision already. */
  #recall(targets: readonly NoticeTarget[]): void {
    const from = this.#from;
    if (from === null || targets.length === 0) return;
    this.#recalling = this.#recalling.then(async () => await this.#tellPending(from, targets));
  }

  async #tellPending(from: NotifierStore, targets: readonly NoticeTarget[]): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        for await (const notice of this.#pending(from.store)) tellAll(targets, notice);
        return;
      } catch (error) {
        this.#ports.log.warn('notify.not-recalled', { problem: String(error), retry_ms: LIST_RETRY_MS });
        await this.#pause(LIST_RETRY_MS);
      }
    }
  }

  async *#pending(store: NotifierStore['store']): AsyncGenerator<Notice> {
    const { clock } = this.#ports;
    const listed = await store.list({ phases: ['pending'], limit: MAX_LISTED });
    const oldestFirst = listed.toReversed();
    for (const [index, brief] of oldestFirst.entries()) {
      if (this.#ended.signal.aborted) return;
      const isWhole = index < READ_WHOLE;
      const approval = isWhole ? await store.get(brief.name) : brief;
      if (approval?.phase !== 'pending' || approval.expiresAt <= clock.now()) continue;
      const notice = noticeOf(pendingEventOf(approval), approval, clock.now());
      if (notice !== null) yield isWhole ? notice : withoutParams(notice);
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#ended.signal.addEventListener('abort', end, { once: true });
    });
  }

  #make(config: NotifyTarget, outbox: Outbox): NoticeTarget {
    const client = createWebhookClient(webhookSettings(config), this.#ports.clock);
    return new NoticeTarget(this.#settingsOf(config), { ...this.#ports, client, outbox });
  }

  #settingsOf({ events, kind, name, rate }: NotifyTarget): TargetSettings {
    const { source } = this.#ports;
    const place = async (): Promise<DecidingPlace> => {
      if (this.#from === null) throw new Error('the store of approvals is not open yet');
      return await this.#from.place();
    };
    const encode =
      kind === 'slack'
        ? async (message: Message): Promise<Buffer> => slackMessageOf(message, await place())
        : async (message: Message): Promise<Buffer> => cloudEventOf(message, { source, place: await place() });
    return { name, events, rate, encode, contentType: kind === 'slack' ? SLACK_TYPE : CLOUD_EVENT_TYPE };
  }
}

function tellAll(targets: readonly NoticeTarget[], notice: Notice): void {
  for (const target of targets) target.tell(notice);
}

function webhookSettings(config: NotifyTarget): WebhookSettings {
  const { ca_files: files, timeout: timeoutMs, url_file: file } = config;
  const extraCa = files.map((path) => readFileSync(path, 'utf8'));
  const {
    credential = null,
    signature = null,
    url,
  } = config.kind === 'cloudevents' ? config : { credential: null, signature: null, url: undefined };
  return { address: addressOf(url, file), credential, signature, timeoutMs, extraCa };
}

function addressOf(url: URL | undefined, file: string | undefined): WebhookSettings['address'] {
  if (url !== undefined) return { kind: 'url', url };
  if (file !== undefined) return { kind: 'file', file };
  throw new TypeError('expected the address of a target');
}
