/** How the soak and its load process talk: one message each way at a time, over the channel that Node gives a child. */

/** What became of one call. `cut` is an answer that ended early since its upstream broke off. */
export type Ending =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'unanswered'; readonly detail: string };

/** What the load is directed at. */
export interface Target {
  readonly port: number;
  /** PEM of the gateway's own authority. */
  readonly ca: string;
}

export type ToLoad =
  | {
      readonly kind: 'run';
      readonly target: Target;
      readonly connections: number;
      readonly seconds: number;
      readonly seed: number;
    }
  | { readonly kind: 'end' };

/** Calls of one kind, by what became of them: a status, `aborted`, `cut`, `unanswered`. */
export type Counts = { readonly [kind: string]: { readonly [ending: string]: number } };

/** What one run of the load came to. */
export interface LoadReport {
  readonly counts: Counts;
  /** Endings that no call of its kind may have: the first of them, with what was seen. */
  readonly wrong: readonly string[];
  readonly wrongCount: number;
}

export type FromLoad =
  | {
      readonly kind: 'listening';
      readonly http: number;
      readonly https: number;
      readonly tunnel: number;
      /** PEM of the authority of both HTTPS servers. */
      readonly ca: string;
    }
  | { readonly kind: 'done'; readonly report: LoadReport }
  /** The ids of all requests that the upstreams saw, and how many connections the tunnel host saw. */
  | { readonly kind: 'seen'; readonly ids: readonly string[]; readonly tunnels: number };
