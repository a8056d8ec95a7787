import { suggestion, type Position } from '../document/mistake.ts';
import { isOfHead } from './condition.ts';
import { compileConditions } from './compile-conditions.ts';
import { compileParams } from './compile-params.ts';
import { namesRead, type Entry } from './entry.ts';
import { parseHostPattern, type HostPattern } from './host-pattern.ts';
import { ANY_PATH, captureNames, parsePathTemplate, type PathTemplate } from './path-template.ts';
import { parsePointer, type Pointer } from './pointer.ts';
import { pointerProblem, type Report } from './report.ts';
import type { ActionMapFile, EntryFile } from './schema.ts';
import { isInBody } from './source.ts';
import { namesIn, parseTextTemplate, type TextTemplate } from './text-template.ts';

/** What an entry is compiled in: its file's settings, where it stands, and who hears of mistakes. */
export interface EntryContext {
  readonly file: Pick<ActionMapFile, 'host' | 'format_suffixes' | 'ignore_case'>;
  readonly position: Position;
  readonly report: Report;
}

/** Compiles an entry; every mistake in it is reported, and what was compiled is then of no use. */
export function compileEntry(source: EntryFile, context: EntryContext): Entry {
  const { report, position, file } = context;
  const template = compilePath(source, report);
  const each = compileEach(source, report);
  const params = compileParams(source, { captures: captureNames(template), each }, report);
  const conditions = compileConditions(source.match ?? {}, report);
  const names = [...captureNames(template), ...params.map(({ name }) => name)];
  const texts = compileTexts(source, names, report);
  checkNames(source, names, report);
  const entry: Entry = {
    at: `${position.file}:${position.line}`,
    hosts: compileHosts(source, file.host, report),
    methods: compileMethods(source),
    template,
    formatSuffixes: file.format_suffixes ?? [],
    ignoreCase: new Set(file.ignore_case),
    conditions,
    ...texts,
    params,
    required: new Set([...(source.required ?? []), ...namesIn(texts.type), ...namesIn(texts.target ?? NO_TEXT)]),
    namesRead: namesRead(params),
    keepsOthers: source.other_params !== 'drop',
    effect: source.effect ?? null,
    amountParam: source.amount ?? null,
    each,
    streams: source.body === 'stream',
    bodyLimitBytes: source.body_limit ?? null,
    readsBody:
      each !== null ||
      !conditions.every(isOfHead) ||
      params.some(({ sources }) => sources.some(({ place }) => isInBody(place))),
  };
  checkStream(entry, source, report);
  return entry;
}

const NO_TEXT: TextTemplate = { pieces: [] };

function compileHosts(source: EntryFile, fallback: ActionMapFile['host'], report: Report): readonly HostPattern[] {
  const own = source.match?.host;
  if (own === undefined && fallback === undefined) {
    report(['match'], 'the entry names no host, and the file has none for all; expected host, or "*" for every host');
    return [];
  }
  if (own === undefined) return hostPatterns(fallback, () => {});
  return hostPatterns(own, (message, index) => report(['match', 'host', ...(index === null ? [] : [index])], message));
}

/** Reads one host pattern or several. */
export function hostPatterns(
  value: string | readonly string[] | undefined,
  report: (message: string, index: number | null) => void,
): readonly HostPattern[] {
  const single = typeof value === 'string';
  const texts = single ? [value] : (value ?? []);
  return texts.flatMap((text, index) => {
    const parsed = parseHostPattern(text);
    if (parsed.ok) return [parsed.pattern];
    report(parsed.problem, single ? null : index);
    return [];
  });
}

function compileMethods({ match }: EntryFile): readonly string[] | null {
  const methods = match?.method;
  if (methods === undefined) return null;
  return [...new Set(typeof methods === 'string' ? [methods] : methods)];
}

function compilePath({ match }: EntryFile, report: Report): PathTemplate {
  if (match?.path === undefined) return ANY_PATH;
  const parsed = parsePathTemplate(match.path);
  if (parsed.ok) return parsed.template;
  report(['match', 'path'], parsed.problem);
  return ANY_PATH;
}

function compileEach({ each }: EntryFile, report: Report): Pointer | null {
  if (each === undefined) return null;
  const pointer = parsePointer(each);
  if (pointer === null) report(['each'], pointerProblem(each));
  return pointer;
}

function compileTexts(
  { action, description }: EntryFile,
  names: readonly string[],
  report: Report,
): Pick<Entry, 'type' | 'target' | 'description'> {
  const compile = (text: string, path: readonly string[]): TextTemplate => {
    const template = parseTextTemplate(text);
    if (template === null) {
      report(path, 'a brace belongs to no parameter; expected {name}');
      return NO_TEXT;
    }
    for (const name of namesIn(template)) {
      if (!names.includes(name)) report(path, unknownName(name, names));
    }
    return template;
  };
  return {
    type: compile(action.type, ['action', 'type']),
    target: action.target === undefined ? null : compile(action.target, ['action', 'target']),
    description: compile(description ?? '', ['description']),
  };
}

function checkNames({ required, amount }: EntryFile, names: readonly string[], report: Report): void {
  for (const [index, name] of (required ?? []).entries()) {
    if (!names.includes(name)) report(['required', index], unknownName(name, names));
  }
  if (amount !== undefined && !names.includes(amount)) report(['amount'], unknownName(amount, names));
}

function unknownName(name: string, names: readonly string[]): string {
  return `${JSON.stringify(name)} is neither in params nor captured by the path${suggestion(name, names)}`;
}

function checkStream(entry: Entry, source: EntryFile, report: Report): void {
  if (!entry.streams) return;
  if (entry.readsBody)
    report(
      ['body'],
      'a body that streams is never read, but a condition, a parameter or each reads it; expected judge',
    );
  if (source.body_limit !== undefined)
    report(['body_limit'], 'a body that streams has no limit; expected no body_limit');
}
