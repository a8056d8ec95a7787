import type { AuditRecord } from '../model/record.ts';
import { foldRecord, isOfExchange, type ExchangeRecord, type ExchangeView } from './exchange-view.ts';
import { asksForExchanges, isWithin, matchesExchange, type TrailFilter } from './trail-filter.ts';

/** Exchanges that are remembered while records stream by: more than are ever under way at once. */
const MAX_REMEMBERED = 10_000;

/** Says of records, as they come, whether they are wanted: by what is known of their exchange up to then. */
export class ExchangeMatcher {
  readonly #filter: TrailFilter;
  readonly #ofExchange: TrailFilter;
  readonly #views = new Map<string, ExchangeView>();

  constructor(filter: TrailFilter) {
    this.#filter = filter;
    // Time and kind are asked of each record, the rest of its exchange.
    this.#ofExchange = { ...filter, since: null, until: null, kind: null };
  }

  take(record: AuditRecord): boolean {
    const wanted = isOfExchange(record) ? this.#fold(record) : !asksForExchanges(this.#filter);
    const { kind } = this.#filter;
    return wanted && (kind === null || kind === record.kind) && isWithin(this.#filter, record.time);
  }

  #fold(record: ExchangeRecord): boolean {
    const { exchangeId } = record;
    const view = foldRecord(this.#views.get(exchangeId), record);
    this.#views.delete(exchangeId);
    this.#views.set(exchangeId, view);
    const [oldest] = this.#views.keys();
    if (this.#views.size > MAX_REMEMBERED && oldest !== undefined) this.#views.delete(oldest);
    return matchesExchange(this.#ofExchange, view);
  }
}
