import { ApiStatusError, ApiUnavailableError, isStatus } from '../kubernetes/api-error.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { ApiRequest } from '../kubernetes/send.ts';
import type { WatchEvent } from '../kubernetes/watch.ts';
import { identityOf, pageOf, type OwnIdentity } from './kubernetes-object.ts';
import { ApprovalsUnreachableError, ApprovalStoreError } from './store-error.ts';

/** Which ApprovalRequests are listed. */
export interface Selection {
  readonly labels?: { readonly [name: string]: string };
  readonly fields?: { readonly [name: string]: string };
  /** Values of fields that are left out. */
  readonly without?: { readonly [name: string]: readonly string[] };
}

/** What was listed, and the version of the store that it is of. */
export interface Listed {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
}

/** A page that the API server gives out of its memory. */
const PAGE = 100;
/** Far more than a retention keeps; a namespace beyond this has to be pruned first. */
const MAX_PAGES = 100;
const MERGE_PATCH = 'application/merge-patch+json';

/** The ApprovalRequests of one namespace. Everything may reject with `ApprovalStoreError`. */
export class ApprovalRequests {
  readonly #client: KubernetesClient;
  readonly #configured: string | null;

  /** `namespace` is null for that of the credentials. */
  constructor(client: KubernetesClient, namespace: string | null) {
    this.#client = client;
    this.#configured = namespace;
  }

  async namespace(): Promise<string> {
    const found = this.#configured ?? (await guarded(async () => await this.#client.namespace()));
    if (found === null)
      throw new ApprovalStoreError(
        'expected approvals.namespace, since the credentials for the API server name no namespace',
      );
    return found;
  }

  /** Who the API server takes this gateway for. */
  async identity(): Promise<OwnIdentity> {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    return identityOf(await this.#call({ method: 'POST', path, body }, true));
  }

  async get(name: string): Promise<unknown> {
    return await this.#orNull(404, { method: 'GET', path: await this.#path(`/${encodeURIComponent(name)}`) });
  }

  async list({ fields = {}, labels = {}, without = {} }: Selection): Promise<Listed> {
    const items: unknown[] = [];
    const query = {
      ...selectors('labelSelector', termsOf(labels)),
      ...selectors('fieldSelector', [...termsOf(fields), ...termsWithout(without)]),
      limit: String(PAGE),
    };
    let next: string | undefined;
    for (let pages = 0; ; pages += 1) {
      const path = await this.#path('', next === undefined ? query : { ...query, continue: next });
      const page = pageOf(await this.#call({ method: 'GET', path }, true));
      items.push(...page.items);
      const { continue: more, resourceVersion } = page.metadata;
      if (more === undefined || more === '') return { items, resourceVersion };
      if (pages === MAX_PAGES)
        throw new ApprovalStoreError(`expected at most ${MAX_PAGES * PAGE} ApprovalRequests: prune the namespace`);
      next = more;
    }
  }

  /** The object as it was stored; null when the name is taken. */
  async create(object: object): Promise<unknown> {
    return await this.#orNull(409, { method: 'POST', path: await this.#path(''), body: object });
  }

  /** What creating would give; nothing is stored. Rejects with `ApiStatusError` when it is refused. */
  async tryCreate(object: object): Promise<unknown> {
    return await this.#tried({ method: 'POST', path: await this.#path('', { dryRun: 'All' }), body: object });
  }

  /** What adding to the status by JSON patch would give; nothing is stored. Rejects as `tryCreate` does. */
  async tryStatus(name: string, patch: readonly object[]): Promise<unknown> {
    const path = await this.#path(`/${name}/status`, { dryRun: 'All' });
    return await this.#tried({ method: 'PATCH', path, body: patch, contentType: 'application/json-patch+json' });
  }

  /**
   * Changes a status by merge patch that names the resourceVersion it is made for, so that a repetition changes nothing
   * a second time. Null when the object has changed since, or is gone.
   */
  async patchStatus(name: string, patch: object): Promise<unknown> {
    const path = await this.#path(`/${name}/status`);
    const request = { method: 'PATCH', path, body: patch, contentType: MERGE_PATCH } as const;
    try {
      return await this.#orNull(409, request);
    } catch (error) {
      if (error instanceof ApprovalStoreError && isStatus(error.cause, 404)) return null;
      throw error;
    }
  }

  /** Deletes an object that has not changed since; false when it has, or is gone. */
  async remove(
    name: string,
    preconditions: { readonly uid: string; readonly resourceVersion: string },
  ): Promise<boolean> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
    const path = await this.#path(`/${encodeURIComponent(name)}`);
    try {
      await this.#call({ method: 'DELETE', path, body }, true);
      return true;
    } catch (error) {
      if (error instanceof ApprovalStoreError && (isStatus(error.cause, 404) || isStatus(error.cause, 409)))
        return false;
      throw error;
    }
  }

  /** Sends an Event (core/v1) of a namespace. */
  async event(namespace: string, body: object): Promise<void> {
    await this.#call(
      { method: 'POST', path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`, body },
      false,
    );
  }

  /** The events of this requester's objects since a version. Rejects as the client's `watch` does. */
  async *watch(
    requester: string,
    since: { readonly resourceVersion: string; readonly timeoutSeconds: number },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    const path = await this.#path('', {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: since.resourceVersion,
      timeoutSeconds: String(since.timeoutSeconds),
      ...selectors('fieldSelector', termsOf({ 'spec.requester': requester })),
    });
    yield* this.#client.watch(path, signal);
  }

  async #path(rest: string, query: { readonly [name: string]: string } = {}): Promise<string> {
    const namespace = encodeURIComponent(await this.namespace());
    const search = new URLSearchParams(query).toString();
    return `/apis/aegis.dev/v1alpha1/namespaces/${namespace}/approvalrequests${rest}${search === '' ? '' : `?${search}`}`;
  }

  async #tried(request: ApiRequest): Promise<unknown> {
    try {
      return await this.#client.call(request, { repeatable: true });
    } catch (error) {
      throw error instanceof ApiStatusError ? error : storeErrorOf(error);
    }
  }

  async #call(request: ApiRequest, repeatable: boolean): Promise<unknown> {
    return await guarded(async () => await this.#client.call(request, { repeatable }));
  }

  async #orNull(status: number, request: ApiRequest): Promise<unknown> {
    try {
      return await this.#call(request, true);
    } catch (error) {
      if (error instanceof ApprovalStoreError && isStatus(error.cause, status)) return null;
      throw error;
    }
  }
}

function selectors(
  name: 'fieldSelector' | 'labelSelector',
  terms: readonly string[],
): { readonly [name: string]: string } {
  return terms.length === 0 ? {} : { [name]: terms.join(',') };
}

function termsOf(wanted: { readonly [key: string]: string }): readonly string[] {
  return Object.entries(wanted).map(([key, value]) => `${key}=${escaped(value)}`);
}

function termsWithout(unwanted: { readonly [key: string]: readonly string[] }): readonly string[] {
  return Object.entries(unwanted).flatMap(([key, values]) => values.map((value) => `${key}!=${escaped(value)}`));
}

function escaped(value: string): string {
  return value.replaceAll(/[\\,=]/gu, String.raw`\$&`);
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeErrorOf(error);
  }
}

/** What a failure of the API means for approvals. */
export function storeErrorOf(error: unknown): ApprovalStoreError {
  if (error instanceof ApprovalStoreError) return error;
  if (error instanceof ApiUnavailableError) return new ApprovalsUnreachableError(error.message, { cause: error });
  if (error instanceof ApiStatusError)
    return new ApprovalStoreError(`${error.message}${adviceFor(error.status)}`, { cause: error });
  return new ApprovalStoreError(`the API server failed: ${String(error)}`, { cause: error });
}

function adviceFor(status: number): string {
  switch (status) {
    case 401:
      return ': the API server rejects the credentials of the gateway';
    case 403:
      return ' (the role of the gateway is in manifests/rbac/gateway.yaml)';
    case 404:
      return ' (the CustomResourceDefinition is in manifests/crd)';
    default:
      return '';
  }
}
