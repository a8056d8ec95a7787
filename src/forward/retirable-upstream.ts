import type { Client } from '../model/client.ts';
import type { Outcome } from '../model/fault.ts';
import type { ForwardOptions, ForwardOutcome, Upstream } from '../model/ports.ts';
import type { CanonicalRequest, RequestBody } from '../model/request.ts';

/** A way out whose connections can be let go of; disposing it cuts them. */
export interface ClosableUpstream extends Upstream, AsyncDisposable {
  /** Closes what is idle, and resolves once every connection has ended. Nothing may run on it. */
  close(): Promise<void>;
}

/**
 * A way out that a later version can take the place of. What runs on it runs on, and its connections end with the last
 * exchange: a gateway that is reloaded again and again must not keep the connections of every version that there was.
 */
export class RetirableUpstream implements Upstream, AsyncDisposable {
  readonly #make: () => ClosableUpstream;
  #upstream: ClosableUpstream;
  #running = 0;
  #closing: Promise<void> | null = null;
  #retired: (() => void) | null = null;

  /** Throws what `make` throws. */
  constructor(make: () => ClosableUpstream) {
    this.#make = make;
    this.#upstream = make();
  }

  credentialGeneration(request: CanonicalRequest): Outcome<string> {
    return this.#upstream.credentialGeneration(request);
  }

  async forward(
    request: CanonicalRequest,
    body: RequestBody,
    client: Client,
    options: ForwardOptions,
  ): Promise<ForwardOutcome> {
    // A request that was judged just before the reload, and whose intent took until now to be written.
    if (this.#closing !== null) this.#open();
    this.#running += 1;
    try {
      return await this.#upstream.forward(request, body, client, options);
    } finally {
      this.#running -= 1;
      this.#closeWhenDone();
    }
  }

  /** Says that nothing new comes; resolves once the last exchange and every connection have ended. */
  async retire(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#retired = resolve;
      this.#closeWhenDone();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
  }

  #open(): void {
    this.#upstream = this.#make();
    this.#closing = null;
  }

  #closeWhenDone(): void {
    const retired = this.#retired;
    if (retired === null || this.#running > 0 || this.#closing !== null) return;
    this.#closing = this.#upstream.close().then(retired, retired);
  }
}
