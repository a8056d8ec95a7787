import { Decimal } from '../model/value.ts';

/**
 * A date or a date with a time, which YAML 1.1 makes of an unquoted `2026-01-01`. It is no text and no number: its
 * number is NaN, so that it equals nothing; ordering it is an error of evaluation. `text` is what Python prints for it.
 */
export class Timestamp extends Decimal {
  constructor(text: string) {
    super(Number.NaN, text);
  }
}
