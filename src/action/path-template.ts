import type { DecodedPath } from './decoded-path.ts';

/** A segment of a template: a text, or a capture with a text behind it (`{id}:cancel`). */
type TemplateSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'capture'; readonly name: string; readonly suffix: string };

export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly TemplateSegment[];
  /** The capture of all further segments; null when the path must end here. */
  readonly tail: string | null;
}

export type ParsedTemplate =
  | { readonly ok: true; readonly template: PathTemplate }
  | { readonly ok: false; readonly problem: string };

/** The template of an entry without `path`. */
export const ANY_PATH: PathTemplate = { text: 'any path', segments: [], tail: '' };

const CAPTURE = /^\{(?<name>[A-Za-z_][A-Za-z0-9_-]{0,63})(?<tail>\.\.\.)?\}(?<suffix>[^{}]*)$/u;
/** What can never be in a decoded segment, or would be read as something else. */
const UNUSABLE = /[{}%?#;\\\p{Cc}]/u;

/** Reads a path template such as `/repos/{owner}/{repo}/contents/{path...}`. */
export function parsePathTemplate(text: string): ParsedTemplate {
  if (!text.startsWith('/')) return refused(`${JSON.stringify(text)} is not a path; expected one that starts with /`);
  const segments: TemplateSegment[] = [];
  let tail: string | null = null;
  for (const part of text === '/' ? [] : text.slice(1).split('/')) {
    if (tail !== null) return refused(`nothing can follow {${tail}...}; expected it at the end of the path`);
    const segment = parseSegment(part);
    if (typeof segment === 'string') return refused(segment);
    if (segment.kind === 'tail') tail = segment.name;
    else segments.push(segment);
  }
  return repeated({ text, segments, tail });
}

/** One segment of a template, or what is wrong with it. */
function parseSegment(part: string): TemplateSegment | { readonly kind: 'tail'; readonly name: string } | string {
  const capture = CAPTURE.exec(part)?.groups;
  if (capture === undefined) return literalProblem(part) ?? { kind: 'literal', text: part };
  const { name = '', suffix = '' } = capture;
  if (capture['tail'] === undefined) {
    const problem = suffix === '' ? null : literalProblem(suffix);
    return problem ?? { kind: 'capture', name, suffix };
  }
  return suffix === '' ? { kind: 'tail', name } : `nothing can follow {${name}...}; expected it at the end of the path`;
}

function literalProblem(part: string): string | null {
  if (part === '')
    return 'the path has an empty segment or ends in /; expected it without (a final / is ignored anyway)';
  if (part === '.' || part === '..')
    return `a segment ${JSON.stringify(part)} never arrives; expected the path resolved`;
  if (UNUSABLE.test(part)) {
    return `the segment ${JSON.stringify(part)} is neither text nor a capture; expected text as it reads when decoded, {name}, {name}text or {name...}`;
  }
  return null;
}

function repeated(template: PathTemplate): ParsedTemplate {
  const names = captureNames(template);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? { ok: true, template } : refused(`the capture {${twice}} is named twice`);
}

function refused(problem: string): ParsedTemplate {
  return { ok: false, problem };
}

/** The names that a template captures. */
export function captureNames(template: PathTemplate): readonly string[] {
  const names = template.segments.flatMap((segment) => (segment.kind === 'capture' ? [segment.name] : []));
  return template.tail === null || template.tail === '' ? names : [...names, template.tail];
}

/** The template with the names left out: two templates with the same shape match the same paths. */
export function shapeOf(template: PathTemplate): string {
  const parts = template.segments.map((segment) => (segment.kind === 'literal' ? segment.text : `{}${segment.suffix}`));
  return `/${[...parts, ...(template.tail === null ? [] : ['{...}'])].join('/')}`;
}

/** A template, and how its API reads paths. */
export interface PathRule {
  readonly template: PathTemplate;
  /** Endings of the last segment that are ignored. */
  readonly formatSuffixes: readonly string[];
  /** Captures that become lower case. */
  readonly ignoreCase: ReadonlySet<string>;
}

/**
 * What a template captures of a path that it matches exactly as written (letter case, no empty segments, no `;`); null
 * when it does not.
 */
export function captureExactly(
  { template, formatSuffixes, ignoreCase }: PathRule,
  path: DecodedPath,
): ReadonlyMap<string, string> | null {
  if (template === ANY_PATH) return new Map();
  if (!path.regular) return null;
  const segments = withoutFormat(path.segments, formatSuffixes);
  const { length } = template.segments;
  if (template.tail === null ? segments.length !== length : segments.length < length) return null;
  const captured = new Map<string, string>();
  const fits = template.segments.every((expected, index) => captureSegment(expected, segments[index] ?? '', captured));
  if (template.tail !== null) captured.set(template.tail, segments.slice(length).join('/'));
  for (const name of ignoreCase) {
    const value = captured.get(name);
    if (value !== undefined) captured.set(name, value.toLowerCase());
  }
  return fits ? captured : null;
}

function captureSegment(expected: TemplateSegment, segment: string, captured: Map<string, string>): boolean {
  if (expected.kind === 'literal') return segment === expected.text;
  const { name, suffix } = expected;
  if (!segment.endsWith(suffix) || segment.length === suffix.length) return false;
  captured.set(name, segment.slice(0, segment.length - suffix.length));
  return true;
}

function withoutFormat(segments: readonly string[], suffixes: readonly string[]): readonly string[] {
  const last = segments.at(-1);
  if (last === undefined) return segments;
  const suffix = suffixes.find(
    (ending) => last.length > ending.length && last.toLowerCase().endsWith(ending.toLowerCase()),
  );
  return suffix === undefined ? segments : [...segments.slice(0, -1), last.slice(0, -suffix.length)];
}
