import type { Value, ValueMap } from '../model/value.ts';
import { foldsOntoMethod, NameLedger, type NameKind } from './names.ts';
import { ANY_CONTROL } from './text.ts';

/**
 * The most fields of a form or parts of a multipart body. PHP (max_input_vars) silently drops what is beyond 1000, and
 * Django refuses it: no server reads more alike.
 */
export const MAX_FIELDS = 1_000;

/** Gathers the fields of a form or multipart body; a name that repeats becomes a list. */
export class FieldList {
  readonly #ledger = new NameLedger();
  readonly #values = new Map<string, Value[]>();

  /** Adds a field and returns what is wrong with its name, or null. */
  add(name: string, value: Value, kind: NameKind): string | null {
    if (ANY_CONTROL.test(name)) return 'expected no control characters in field names';
    if (foldsOntoMethod(name)) return 'expected no field that servers fold onto _method';
    const problem = this.#ledger.add(name, kind);
    if (problem !== null) return problem;
    const known = this.#values.get(name);
    if (known === undefined) this.#values.set(name, [value]);
    else known.push(value);
    return null;
  }

  /** Names in the order in which they first came. */
  toMap(): ValueMap {
    return new Map(
      [...this.#values].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? null) : values]),
    );
  }
}
