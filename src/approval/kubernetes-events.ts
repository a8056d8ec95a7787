import type { ApprovalRequestObject } from './kubernetes-object.ts';
import type { ApprovalRequests } from './kubernetes-requests.ts';
import { API_VERSION } from './kubernetes-spec.ts';

/** What an Event tells, as its reason. */
export type EventReason =
  | 'ApprovalRequested'
  | 'ApprovalGranted'
  | 'ApprovalDenied'
  | 'ApprovalConsumed'
  | 'ApprovalExpired'
  | 'ApprovalVoid';

export interface EventPorts {
  readonly requests: Pick<ApprovalRequests, 'event'>;
  readonly now: () => number;
  /** Events are news, no record: one that cannot be sent is told once and lost. */
  readonly failed: (error: unknown) => void;
}

/** Events of a burst beyond this are dropped: the requests themselves tell the same. */
const MAX_UNDER_WAY = 32;

/** Tells what happens as Events (core/v1) of the request and of the pod, for kubectl get events and describe. */
export class ApprovalEvents {
  readonly #ports: EventPorts;
  #underWay = 0;

  constructor(ports: EventPorts) {
    this.#ports = ports;
  }

  /** Sends both in the background. Never throws. */
  tell(object: ApprovalRequestObject, reason: EventReason, message: string): void {
    const { metadata, spec } = object;
    const { name, namespace, uid } = metadata;
    const request = { apiVersion: API_VERSION, kind: 'ApprovalRequest', name, namespace, uid };
    const pod =
      spec.requestingPod === undefined ? [] : [{ apiVersion: 'v1', kind: 'Pod', namespace, ...spec.requestingPod }];
    for (const involvedObject of [request, ...pod]) {
      const about = involvedObject === request ? message : `${name}: ${message}`;
      void this.#send(namespace, eventOf({ involvedObject, reason, message: about }, this.#ports.now()));
    }
  }

  async #send(namespace: string, event: object): Promise<void> {
    if (this.#underWay >= MAX_UNDER_WAY) return;
    this.#underWay += 1;
    try {
      await this.#ports.requests.event(namespace, event);
    } catch (error) {
      this.#ports.failed(error);
    } finally {
      this.#underWay -= 1;
    }
  }
}

interface Told {
  readonly involvedObject: { readonly name: string; readonly namespace: string };
  readonly reason: EventReason;
  readonly message: string;
}

function eventOf({ involvedObject, message, reason }: Told, now: number): object {
  const { name, namespace } = involvedObject;
  const at = new Date(now).toISOString();
  const second = at.replace(/\.\d+Z$/u, 'Z');
  const isGood = reason === 'ApprovalRequested' || reason === 'ApprovalGranted' || reason === 'ApprovalConsumed';
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${name}.`, namespace },
    involvedObject,
    reason,
    // The API server takes up to 1024 bytes.
    message: message.slice(0, 500),
    type: isGood ? 'Normal' : 'Warning',
    source: { component: 'aegis-gateway' },
    firstTimestamp: second,
    lastTimestamp: second,
    count: 1,
  };
}
