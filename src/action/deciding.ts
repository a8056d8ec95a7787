import { failed, passed, type Outcome } from '../model/fault.ts';
import { candidatesFor, type ActionMap } from './action-map.ts';
import { holds } from './condition.ts';
import type { Entry } from './entry.ts';
import type { Content, RequestFacts } from './facts.ts';
import type { Candidate } from './path-index.ts';
import type { Reading } from './source.ts';

/** The entry that a request is for, and what its path captures. */
export interface Deciding {
  readonly entry: Entry;
  readonly captures: ReadonlyMap<string, string>;
}

/** The entry that a request is for; null when none is. Faults: `ambiguous-action`, `body-mismatch`. */
export function decidingEntry(map: ActionMap, facts: RequestFacts, content: Content): Outcome<Deciding | null> {
  for (const candidate of candidatesFor(map, facts)) {
    const fits = allHold(candidate, facts, content);
    if (!fits.ok) return fits;
    if (!fits.value) continue;
    const { entry, captures } = candidate;
    if (captures !== null) return passed({ entry, captures });
    return failed(
      'ambiguous-action',
      `the path is almost that of the entry at ${entry.at} (${entry.template.text}): letter case, dots, blanks, ` +
        'an empty segment or an ending make the difference; expected the path as the API documents it',
    );
  }
  return passed(null);
}

/** Whether all conditions of a candidate hold. Faults: `ambiguous-action`, `body-mismatch`. */
function allHold({ entry, captures }: Candidate, facts: RequestFacts, content: Content): Outcome<boolean> {
  const reading: Reading = { facts, content, captures: captures ?? new Map(), item: undefined };
  for (const condition of entry.conditions) {
    const result = holds(condition, reading);
    if (!result.ok || !result.value) return result;
  }
  return passed(true);
}
