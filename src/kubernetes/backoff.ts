import { setTimeout as sleep } from 'node:timers/promises';

/** Waits that grow, with jitter: gateways that lost the same API server must not come back in step. */
export interface BackoffSettings {
  readonly firstMs: number;
  readonly mostMs: number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** How long to wait before the try after `failures` failures: between half of the step and the whole of it. */
export function backoffMs(failures: number, { firstMs, mostMs, random }: BackoffSettings): number {
  const step = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return step / 2 + (random() * step) / 2;
}

/** Waits, or until the signal is aborted. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
