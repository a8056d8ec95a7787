import assert from 'node:assert/strict';
import type { AuditRecord } from '../../src/model/record.ts';

/** What the records of a journal come to, exchange by exchange; each look says what must hold of all of them. */
export class ExchangeLedger {
  /** The `n` of each request by exchange, for those that have an intent. */
  readonly intents = new Map<string, string>();
  readonly outcomes = new Map<string, string>();
  /** What each start said that it found. */
  readonly recovered: Extract<AuditRecord, { kind: 'lifecycle' }>[] = [];
  #seq = 0;

  take(records: readonly AuditRecord[]): void {
    for (const record of records) {
      this.#seq += 1;
      assert.equal(record.seq, this.#seq, 'the numbers of the records have a gap');
      if (record.kind === 'intent') this.#intent(record.exchangeId, record.request.url);
      else if (record.kind === 'outcome') this.#outcome(record.exchangeId, record.result);
      else if (record.kind === 'lifecycle' && record.event === 'recovered') this.recovered.push(record);
    }
  }

  /** The exchanges that have an intent and no outcome. */
  open(): readonly string[] {
    return [...this.intents.keys()].filter((exchange) => !this.outcomes.has(exchange));
  }

  /** The requests that were recorded before they were forwarded, by their `n`. */
  intended(): ReadonlySet<string> {
    return new Set(this.intents.values());
  }

  unknown(): number {
    return [...this.outcomes.values()].filter((result) => result === 'unknown').length;
  }

  #intent(exchange: string, url: string): void {
    assert.ok(!this.intents.has(exchange), `${exchange} has two intents`);
    this.intents.set(exchange, nameIn(url));
  }

  #outcome(exchange: string, result: string): void {
    assert.ok(this.intents.has(exchange), `${exchange} has an outcome and no intent`);
    assert.ok(!this.outcomes.has(exchange), `${exchange} has two outcomes`);
    this.outcomes.set(exchange, result);
  }
}

/** The `n` of a request: every one under test has another. */
export function nameIn(url: string): string {
  return new URL(url, 'http://upstream').searchParams.get('n') ?? '';
}
