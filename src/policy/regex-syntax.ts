/** A pattern of Python's `re`, parsed, as far as it can be searched in linear time. */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'one'; readonly matcher: Matcher }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'concat'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'alternate'; readonly branches: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly node: RegexNode; readonly min: number; readonly max: number };

/** A condition on a position in the text; `-ascii` variants know only ASCII words (`(?a)`). */
export type Assertion =
  | 'begin'
  | 'begin-line'
  | 'end'
  | 'end-line'
  | 'end-or-final-newline'
  | 'boundary'
  | 'boundary-ascii'
  | 'no-boundary'
  | 'no-boundary-ascii';

/** Tests one code point. */
export interface Matcher {
  /** Equal for matchers that match the same. */
  readonly id: string;
  matches(code: number): boolean;
}

/** Inline flags that are in force: `i`, `m`, `s`, `a`. */
export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly ascii: boolean;
}

/** Why a pattern is refused: Python refuses it too, or it cannot be searched in linear time. */
export class RegexError extends Error {
  readonly kind: 'invalid' | 'dialect';

  constructor(kind: 'invalid' | 'dialect', message: string) {
    super(message);
    this.name = 'RegexError';
    this.kind = kind;
  }
}

export function invalid(message: string): RegexError {
  return new RegexError('invalid', message);
}

export function unsupported(construct: string): RegexError {
  return new RegexError('dialect', construct);
}
