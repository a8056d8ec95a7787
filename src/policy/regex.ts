import { firstCodePoints } from './python-text.ts';
import { parseRegex } from './regex-parse.ts';
import { compileProgram } from './regex-program.ts';
import { Search } from './regex-search.ts';
import { RegexError } from './regex-syntax.ts';

/** A pattern in Python's dialect, compiled. */
export interface PythonRegex {
  readonly source: string;
  /**
   * Python's `re.search` in the first 10,000 code points of the text, as a boolean, in time proportional to the text.
   */
  test(text: string): boolean;
}

/** Aegis takes a longer pattern for one that never matches. */
const MAX_PATTERN_CODE_POINTS = 1_000;
/** Aegis looks no further into a value. */
export const MAX_SEARCHED_CODE_POINTS = 10_000;

/** A compiled pattern, or why it is refused. */
export type CompiledRegex =
  | { readonly ok: true; readonly regex: PythonRegex }
  | { readonly ok: false; readonly kind: 'invalid' | 'dialect' | 'too-long'; readonly message: string };

/** Compiles a pattern of Python's `re` for search in linear time, or says what is wrong with it. */
export function compilePythonRegex(source: string): CompiledRegex {
  if (source.length > MAX_PATTERN_CODE_POINTS && firstCodePoints(source, MAX_PATTERN_CODE_POINTS) !== source) {
    const message = `the pattern has more than ${MAX_PATTERN_CODE_POINTS} characters; expected a shorter one`;
    return { ok: false, kind: 'too-long', message };
  }
  try {
    const search = new Search(compileProgram(parseRegex(source)));
    const test = (text: string): boolean => search.test(firstCodePoints(text, MAX_SEARCHED_CODE_POINTS));
    return { ok: true, regex: { source, test } };
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    return { ok: false, kind: error.kind, message: refusal(error) };
  }
}

function refusal(error: RegexError): string {
  if (error.kind === 'invalid') return `not a regular expression: ${error.message}`;
  return `the pattern uses ${error.message}, which cannot be searched in linear time; expected RE2's syntax`;
}
