import type { ApprovalAsk } from '../model/approval.ts';
import type { ActionView } from '../model/record.ts';
import type { Json } from '../model/value.ts';
import { ApprovalStoreError } from './store-error.ts';

/** Nobody reads more than this before he decides, and a thousand pending requests of this size still fit on a disk. */
const MAX_ASK_CHARACTERS = 1024 * 1024;
/** An amount is a number or a short text; more is no amount. */
const MAX_AMOUNT_CHARACTERS = 64;

/** The ask as it is stored. Throws when it is more than a person can be asked to judge. */
export function askText(ask: ApprovalAsk): string {
  const text = JSON.stringify(ask);
  if (text.length <= MAX_ASK_CHARACTERS) return text;
  throw new ApprovalStoreError(
    `expected at most ${MAX_ASK_CHARACTERS} characters to show to a human, found ${text.length}: send less in one request`,
  );
}

/** The ask as lists show it: of the parameters only the amount, so that a long list of large requests stays small. */
export function briefOf(ask: ApprovalAsk): ApprovalAsk {
  return { ...ask, actions: ask.actions.map((action) => ({ ...action, description: '', params: amountOf(action) })) };
}

function amountOf({ amountParam, params }: ActionView): Json {
  if (amountParam === null || !isMembers(params) || !Object.hasOwn(params, amountParam)) return {};
  const amount = params[amountParam];
  const short = typeof amount === 'number' || (typeof amount === 'string' && amount.length <= MAX_AMOUNT_CHARACTERS);
  return short ? { [amountParam]: amount } : {};
}

function isMembers(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
