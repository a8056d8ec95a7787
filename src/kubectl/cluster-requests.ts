import { identityOf, pageOf } from '../approval/kubernetes-object.ts';
import type { Kubectl } from './kubectl.ts';
import { KubectlError } from './kubectl-error.ts';
import { memberOf, seenRequest, type Seen, type SeenRequest } from './seen-request.ts';

/** Which requests are meant: those of one namespace, or of all of them. */
export type Where = { readonly kind: 'namespace'; readonly namespace: string } | { readonly kind: 'everywhere' };

/** A list, and the version of the cluster that it shows: a watch goes on from there. */
export interface Listed {
  readonly requests: readonly Seen[];
  readonly resourceVersion: string;
}

/** What a watch tells. `gone`: deleted, or not among those that were asked for any more. */
export type WatchEvent =
  | { readonly kind: 'changed'; readonly request: Seen; readonly resourceVersion: string }
  | { readonly kind: 'gone'; readonly request: Seen; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  /** The API server has forgotten the version that the watch began with (410): what there is has to be listed anew. */
  | { readonly kind: 'forgotten' };

const RESOURCE = 'approvalrequests.aegis.dev';
const API = '/apis/aegis.dev/v1alpha1';
/** Requests have up to 1.5 MiB each; this many fit into one answer in memory. */
const PAGE_SIZE = 200;
/** The API server ends a watch after this; a connection that died unnoticed is replaced by then. */
const WATCH_SECONDS = 290;
const PENDING = 'status.phase=Pending';

/** ApprovalRequests as kubectl reads and writes them. All calls reject with `KubectlError`. */
export class ClusterRequests {
  readonly #kubectl: Kubectl;
  readonly #signal: AbortSignal;

  constructor(kubectl: Kubectl, signal: AbortSignal) {
    this.#kubectl = kubectl;
    this.#signal = signal;
  }

  /** All of them, or those in phase Pending, page by page. */
  async list(where: Where, pending: boolean): Promise<Listed> {
    for (;;) {
      try {
        return await this.#list(where, pending);
      } catch (error) {
        // The list changed so much while it was read that its next page is gone; it begins anew.
        if (!(error instanceof KubectlError) || error.problem !== 'expired') throw error;
      }
    }
  }

  async get(namespace: string, name: string): Promise<Seen> {
    const path = `${pathOf({ kind: 'namespace', namespace })}/${encodeURIComponent(name)}`;
    return seenRequest(await this.#json(['get', '--raw', path]));
  }

  /** Follows what changes after a version. Ends when the API server ends it, or with the signal. */
  async *watch(
    where: Where,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const query = new URLSearchParams({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(WATCH_SECONDS),
      fieldSelector: PENDING,
    });
    try {
      for await (const line of this.#kubectl.lines(['get', '--raw', `${pathOf(where)}?${query.toString()}`], signal)) {
        const event = watchEventOf(line);
        if (event !== null) yield event;
      }
    } catch (error) {
      if (!(error instanceof KubectlError) || error.problem !== 'expired') throw error;
      yield { kind: 'forgotten' };
    }
  }

  /**
   * Adds a decision at the end, bound to the request that was seen: it is another one by now, or its name stands for
   * another, and the API server refuses. Gives the request as it is then.
   */
  async decide(seen: SeenRequest, decision: Decision): Promise<Seen> {
    const operations = JSON.stringify(decisionPatch(seen, decision));
    const subject = [`${RESOURCE}/${seen.name}`, `--namespace=${seen.namespace}`, '--subresource=status'];
    return seenRequest(await this.#json(['patch', ...subject, '--type=json', '-p', operations, '-o', 'json']));
  }

  /** The name that the API server knows the person by (SelfSubjectReview). */
  async whoami(): Promise<string> {
    return identityOf(await this.#json(['auth', 'whoami', '-o', 'json'])).user;
  }

  async #list(where: Where, pending: boolean): Promise<Listed> {
    const requests: Seen[] = [];
    let next = '';
    for (;;) {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
      if (pending) query.set('fieldSelector', PENDING);
      if (next !== '') query.set('continue', next);
      const { items, metadata } = pageOf(await this.#json(['get', '--raw', `${pathOf(where)}?${query.toString()}`]));
      requests.push(...items.map(seenRequest));
      next = metadata.continue ?? '';
      if (next === '') return { requests, resourceVersion: metadata.resourceVersion };
    }
  }

  async #json(args: readonly string[]): Promise<unknown> {
    const text = await this.#kubectl.run(args, this.#signal);
    try {
      return JSON.parse(text);
    } catch {
      throw new KubectlError('unreachable', 'expected an answer of the API server in JSON, found another text');
    }
  }
}

/** What a person says of a request. `approver` is stated only where the API server does not write it. */
export interface Decision {
  readonly verdict: 'approved' | 'denied';
  readonly reason: string;
  readonly approver: string | null;
}

/** The JSON Patch (RFC 6902) that adds a decision to exactly the request that was seen. */
export function decisionPatch({ object }: SeenRequest, decision: Decision): readonly object[] {
  return [
    { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
    { op: 'test', path: '/spec/fingerprint', value: object.spec.fingerprint },
    { op: 'add', path: '/status/decisions/-', value: decisionValue(decision) },
  ];
}

/** The entry of the list of decisions. */
export function decisionValue({ approver, reason, verdict }: Decision): object {
  return { ...(approver === null ? {} : { approver }), verdict, ...(reason === '' ? {} : { reason }) };
}

function pathOf(where: Where): string {
  const within = where.kind === 'everywhere' ? '' : `/namespaces/${encodeURIComponent(where.namespace)}`;
  return `${API}${within}/approvalrequests`;
}

/** Reads a line of a watch (meta/v1 WatchEvent); null for one that says nothing. Throws for an error that it carries. */
export function watchEventOf(line: string): WatchEvent | null {
  const event: unknown = parsed(line);
  const object = memberOf(event, 'object');
  const resourceVersion = textOf(memberOf(memberOf(object, 'metadata'), 'resourceVersion')) ?? '';
  switch (memberOf(event, 'type')) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'changed', request: seenRequest(object), resourceVersion };
    case 'DELETED':
      return { kind: 'gone', request: seenRequest(object), resourceVersion };
    case 'BOOKMARK':
      return { kind: 'bookmark', resourceVersion };
    case 'ERROR':
      if (memberOf(object, 'code') === 410) return { kind: 'forgotten' };
      throw new KubectlError('unreachable', textOf(memberOf(object, 'message')) ?? 'the watch ended with an error');
    default:
      return null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
