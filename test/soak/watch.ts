import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { descriptorsOf, gaugeOf, residentBytesOf, scrape } from '../support/measures.ts';

/** The gateway at one moment: from outside, and as it tells of itself. Bytes and seconds. */
export interface Sample {
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly descriptors: number;
  readonly connections: number;
  readonly bufferedBytes: number;
  readonly pending: number;
  /** Delay of the event loop since the sample before. */
  readonly loopDelayP99: number;
  readonly loopDelayMax: number;
}

/** Heap in use after all garbage was collected, in bytes. The gateway has to run with the memory probe. */
export async function collectedHeapOf(gateway: GatewayProcess): Promise<number> {
  const said = (): readonly unknown[] =>
    gateway.log.flatMap((line) => (line.event === 'probe.memory' ? [line['heapUsed']] : []));
  const before = said().length;
  gateway.process.kill('SIGUSR2');
  for (let tries = 0; said().length === before; tries += 1) {
    if (tries > 300) throw new Error('expected an answer of the memory probe within 30 s, found none');
    await sleep(100);
  }
  return Number(said().at(-1));
}

export async function sampleOf(gateway: GatewayProcess): Promise<Sample> {
  const pid = gateway.process.pid ?? 0;
  const text = await scrape(gateway);
  return {
    residentBytes: await residentBytesOf(pid),
    descriptors: await descriptorsOf(pid),
    heapUsedBytes: gaugeOf(text, 'nodejs_heap_size_used_bytes'),
    connections: gaugeOf(text, 'aegis_open_connections'),
    bufferedBytes: gaugeOf(text, 'aegis_buffered_bytes'),
    pending: gaugeOf(text, 'aegis_approvals_pending'),
    loopDelayP99: gaugeOf(text, 'nodejs_eventloop_lag_p99_seconds'),
    loopDelayMax: gaugeOf(text, 'nodejs_eventloop_lag_max_seconds'),
  };
}

/** Samples until it is told to stop. */
export class Watch {
  readonly samples: Sample[] = [];
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(gateway: GatewayProcess, everyMs: number) {
    this.#running = this.#run(gateway, everyMs);
  }

  async stop(): Promise<readonly Sample[]> {
    this.#stopped = true;
    await this.#running;
    return this.samples;
  }

  async #run(gateway: GatewayProcess, everyMs: number): Promise<void> {
    while (!this.#stopped) {
      await sleep(everyMs);
      this.samples.push(await sampleOf(gateway));
    }
  }
}
