import { pageText, row } from '../cli/approvals-detail.ts';
import { scopeText, timeText } from '../cli/approvals-words.ts';
import type { Json } from '../model/value.ts';
import { visibleJson } from '../visible/json.ts';
import { makeVisible } from '../visible/text.ts';
import { differenceOf, type Change } from './difference.ts';
import { becameText } from './request-columns.ts';
import { grantText, settledAt } from './request-detail.ts';
import type { SeenRequest } from './seen-request.ts';

/** What an explanation is made for. */
export interface ExplanationPlace {
  readonly columns: number | null;
  /** How many approved requests were looked through for one to compare with. */
  readonly limit: number;
}

/** A value in a line is shown up to here, and named by its digest beyond. */
const VALUE_CHARACTERS = 512;
const PIPED_WIDTH = 100;

/** Why policy asked, and what is not as in the last request of the kind that people agreed to. */
export function explanationText(seen: SeenRequest, compared: SeenRequest | null, place: ExplanationPlace): string {
  return pageText([...whyLines(seen), '', ...comparedLines(seen, compared, place)], place.columns);
}

/** The same for programs. */
export function explanationOf(seen: SeenRequest, compared: SeenRequest | null): object {
  const { ask } = seen.record;
  return {
    name: seen.name,
    namespace: seen.namespace,
    rule: ask.rule,
    why: ask.why,
    riskLevel: ask.riskLevel,
    approvers: ask.terms.approvers,
    scope: ask.terms.scope,
    policyDigest: ask.binding.policyDigest,
    actionMapDigest: ask.binding.actionMapDigest,
    mappedBy: ask.actions.map(({ mappedBy }) => mappedBy),
    comparedWith: compared === null ? null : compared.name,
    ...(compared === null ? {} : differenceOf(compared.record, seen.record)),
  };
}

function whyLines({ name, object, record }: SeenRequest): readonly string[] {
  const { ask } = record;
  const { approvers } = ask.terms;
  const mapped = [...new Set(ask.actions.map(({ mappedBy }) => mappedBy ?? 'the default mapping'))];
  return [
    row('Approval', name),
    row('Rule', shown(ask.rule)),
    row('Why', shown(ask.why)),
    row('Risk', ask.riskLevel),
    row(
      'Needs',
      `${approvers === 1 ? 'one person' : `${approvers} different people`} to agree; one who denies ends it`,
    ),
    row('Covers', scopeText(record)),
    row('Grant lasts', grantText(object.spec)),
    row('Policy', `sha256:${ask.binding.policyDigest} (it holds the conditions of the rule)`),
    row('Action map', `sha256:${ask.binding.actionMapDigest}`),
    row('Mapped by', mapped.map((text) => shown(text)).join(', ')),
  ];
}

function comparedLines(seen: SeenRequest, compared: SeenRequest | null, place: ExplanationPlace): readonly string[] {
  if (compared === null) {
    return [
      `Nothing to compare with: none of ${place.limit} requests in the namespace has the same agent, types of action and`,
      'server, and was approved.',
    ];
  }
  const { changes, same } = differenceOf(compared.record, seen.record);
  const people = compared.record.decisions.map(({ approver }) => shown(approver)).join(', ');
  const at = settledAt(compared);
  return [
    row('Compared with', `${compared.name}, the last one of the kind that was approved`),
    row('Approved by', `${people}${at === null ? '' : ` at ${timeText(at)}`}; ${becameText(compared)}`),
    ...(changes.length === 0 ? ['Nothing differs.'] : changes.flatMap((change) => changeLines(change, place))),
    row('Same', same.join(', ')),
  ];
}

function changeLines({ after, before, member }: Change, { columns }: ExplanationPlace): readonly string[] {
  const value = (json: Json): string => visibleJson(json, { width: columns ?? PIPED_WIDTH, limit: VALUE_CHARACTERS });
  const name = shown(member);
  if (before === null) return indented(row('  Added', `${name}: ${value(after?.value ?? null)}`));
  if (after === null) return indented(row('  Removed', `${name}: ${value(before.value)}`));
  const change = `${name}: ${value(before.value)} -> ${value(after.value)}${ratioText(before.value, after.value)}`;
  return indented(row('  Changed', change));
}

/** A value of several lines stays to the right of what begins a line of the page. */
function indented(text: string): readonly string[] {
  return text.replaceAll('\n', '\n    ').split('\n');
}

function ratioText(before: Json, after: Json): string {
  const [left, right] = [Number(before), Number(after)];
  const isNumber = typeof before === 'number' || typeof before === 'string';
  if (!isNumber || !(left > 0) || !(right > 0) || before === '' || after === '') return '';
  const factor = right / left;
  // Less than twice as much, or than half, is seen at a glance.
  if (factor < 2 && factor > 0.5) return '';
  return factor >= 1 ? ` (${Math.round(factor * 100) / 100} times)` : ` (${Math.round(factor * 100)} %)`;
}

function shown(text: string): string {
  return makeVisible(text, { limit: VALUE_CHARACTERS, rightToLeft: 'escape' });
}
