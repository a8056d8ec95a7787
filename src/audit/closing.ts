import type { AuditRecord, RecordBody } from '../model/record.ts';
import { bodyText, type Stamp, type Unsealed } from './chain.ts';

/** How many record numbers one record names: more would only repeat what the records themselves say. */
const NAMED_RECORDS = 100;

/** A time in which the journal could not be written. */
export interface Trouble {
  readonly problem: string;
  /** RFC 3339. */
  readonly since: string;
  /** How many appends were refused because of it. */
  readonly refusals: number;
}

/**
 * The first records after trouble, which show that the disk works again: what happened, and what sets right the records
 * that are in the journal although whoever appended them was told that they are not. An intent among them was never
 * acted on. None where there was no trouble.
 */
export function closingRecords(
  refused: readonly AuditRecord[],
  trouble: Trouble | null,
  stamp: () => Stamp,
): readonly Unsealed[] {
  if (trouble === null) return [];
  const { problem, since, refusals } = trouble;
  const intents = refused.flatMap((record) => (record.kind === 'intent' ? [record.exchangeId] : []));
  const bodies: readonly RecordBody[] = [
    {
      kind: 'lifecycle',
      event: 'recovered',
      detail: `the journal could not be written since ${since}: ${problem}; records refused: ${refusals}`,
      data: { since, refusals, in_journal_although_refused: refused.slice(0, NAMED_RECORDS).map(({ seq }) => seq) },
    },
    ...intents.map((exchangeId) =>
      outcomeOf(exchangeId, 'not-sent', 'the intent could not be brought to the disk, so the request was refused'),
    ),
  ];
  return bodies.map((body) => ({ body, text: bodyText(body), stamp: stamp() }));
}

/** The outcome of an exchange that was cut off by the end of the gateway. */
export function unknownOutcome(exchangeId: string): RecordBody {
  return outcomeOf(exchangeId, 'unknown', 'the gateway ended before it could record what became of the request');
}

function outcomeOf(exchangeId: string, result: 'not-sent' | 'unknown', detail: string): RecordBody {
  return {
    kind: 'outcome',
    exchangeId,
    result,
    status: null,
    fault: result === 'not-sent' ? 'audit-unavailable' : null,
    detail,
    bytesSent: 0,
    bytesReceived: 0,
    durationMs: 0,
  };
}
