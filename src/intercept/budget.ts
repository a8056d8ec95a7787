/** One exchange's part of the budget. */
export interface Lease {
  /** Takes more bytes, or nothing at all and returns false when they would exceed the budget. */
  take(bytes: number): boolean;
  /** Gives all of it back; more cannot be taken afterwards. Calling it again does nothing. */
  release(): void;
}

/** One bound on the bytes of all bodies that are in memory at one time. */
export class BufferBudget {
  readonly #limitBytes: number;
  #takenBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The bytes that are taken now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  lease(): Lease {
    let held = 0;
    let ended = false;
    return {
      take: (bytes) => {
        if (ended || this.#takenBytes + bytes > this.#limitBytes) return false;
        this.#takenBytes += bytes;
        held += bytes;
        return true;
      },
      release: () => {
        ended = true;
        this.#takenBytes -= held;
        held = 0;
      },
    };
  }
}
