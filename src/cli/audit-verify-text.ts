import type { ChainBreak, JournalEnd, Verification } from '../audit/verification.ts';
import { makeVisible } from '../visible/text.ts';

/** Where the public keys came from. */
export interface KeySource {
  readonly kind: 'given' | 'data-folder' | 'none';
  readonly file: string;
}

/** A verification for people: breaks, what is whole, who signed it, what is known of its end, the newest record. */
export function sentencesOf(found: Verification, source: KeySource): string {
  const { ok, breaks, breakCount, end, head } = found;
  const lines = breaks.map(breakLine);
  if (breakCount > breaks.length) lines.push(`and ${breakCount - breaks.length} more`);
  lines.push(countedLine(found));
  if (found.removed !== null) lines.push(removedLine(found, found.removed));
  if (ok) lines.push(signedLine(found, source));
  lines.push(ok ? endLine(end) : 'end unproven: behind a break, the chain proves nothing');
  if (head !== null) lines.push(`newest record ${head.time}`, `${head.seq}:${head.hash}`);
  return `${lines.join('\n')}\n`;
}

function breakLine({ file, line, problem }: ChainBreak): string {
  return `${makeVisible(file)}${line === null ? '' : `:${line}`}: ${makeVisible(problem)}`;
}

function countedLine({ ok, records, segments, breakCount }: Verification): string {
  const counted = `${records} records in ${segments} ${segments === 1 ? 'segment' : 'segments'}`;
  return ok
    ? `ok: ${counted}, the chain is whole`
    : `broken: ${breakCount} ${breakCount === 1 ? 'break' : 'breaks'} in ${counted}`;
}

function removedLine({ signatures }: Verification, removed: number): string {
  const by = signatures.newest === null ? 'a checkpoint that was not checked' : 'a signed checkpoint';
  return `records 1 to ${removed} were removed by retention; what is left is proven to follow them by ${by}`;
}

function signedLine({ signatures }: Verification, { kind, file }: KeySource): string {
  const { newest, later, checkpoints } = signatures;
  if (kind === 'none') {
    return `signatures not checked: there is no ${makeVisible(file)}, and no --public-key; checkpoints found: ${checkpoints}`;
  }
  const by =
    kind === 'given'
      ? `checked with ${makeVisible(file)}`
      : `checked with ${makeVisible(file)} of the data folder itself, which whoever changes the journal can change too`;
  if (newest === null) return `signed: nothing, there is no checkpoint; ${by}`;
  return `signed up to record ${newest.seq}, ${later} not signed after it; ${by}`;
}

function endLine(end: JournalEnd): string {
  switch (end.kind) {
    case 'unproven':
      return 'end unproven: without an anchor from elsewhere nobody can tell whether records were cut off the end';
    case 'closed':
      return (
        `ends with the signed end mark ${end.seq}: the gateway stopped there in an orderly way; ` +
        'end unproven all the same, since a journal that was cut back to an earlier end mark looks like this too'
      );
    case 'anchored': {
      if (end.later === 0) return `end proven up to the anchor, record ${end.seq}, which is the newest`;
      const closed = end.closed ? ', which end with a signed end mark' : '';
      return `proven up to the anchor, record ${end.seq}; end unproven for the ${end.later} records after it${closed}`;
    }
    default:
      return end satisfies never;
  }
}
