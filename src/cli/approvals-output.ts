import type { Json } from '../model/value.ts';

/** The forms for programs: JSON, YAML, or the names alone. */
export const OUTPUT_FORMS = ['json', 'yaml', 'name'] as const;
export type OutputForm = (typeof OUTPUT_FORMS)[number];

const PLAIN_KEY = /^[A-Za-z][A-Za-z0-9]*$/u;
/** Words that YAML 1.1 readers take for something else than text. */
const YAML_WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/iu;
const BEYOND_ASCII = /[^\x20-\x7e\n]/gu;

/** Prints values in a form for programs. Nothing in it reaches a terminal but printable ASCII. */
export function formatFor(form: OutputForm, value: object, names: readonly string[]): string {
  switch (form) {
    case 'json':
      return `${asciiJson(value, 2)}\n`;
    case 'yaml':
      return `${yamlLines(plain(value)).join('\n')}\n`;
    case 'name':
      return names.map((name) => `${name}\n`).join('');
    default:
      return form satisfies never;
  }
}

/** JSON (RFC 8259) with every character beyond ASCII escaped: a program reads the same, a terminal is told nothing. */
export function asciiJson(value: object, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(BEYOND_ASCII, jsonEscape);
}

function jsonEscape(character: string): string {
  let escaped = '';
  for (let index = 0; index < character.length; index += 1) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}

function plain(value: object): Json {
  const copy: Json = JSON.parse(JSON.stringify(value));
  return copy;
}

/** YAML 1.2 in which every text is in double quotes, so that none is taken for anything else. */
function yamlLines(value: Json): readonly string[] {
  if (isList(value)) {
    if (value.length === 0) return ['[]'];
    return value.flatMap((item) => yamlLines(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  }
  if (value === null || typeof value !== 'object') return [yamlScalar(value)];
  const members = Object.entries(value);
  if (members.length === 0) return ['{}'];
  return members.flatMap(([key, item]) => {
    const name = PLAIN_KEY.test(key) && !YAML_WORDS.test(key) ? key : yamlScalar(key);
    const lines = yamlLines(item);
    return isBlock(item) ? [`${name}:`, ...lines.map((line) => `  ${line}`)] : [`${name}: ${lines.join('')}`];
  });
}

function isBlock(value: Json): boolean {
  if (value === null || typeof value !== 'object') return false;
  return isList(value) ? value.length > 0 : Object.keys(value).length > 0;
}

function yamlScalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value).replace(BEYOND_ASCII, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return character.length === 1 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`;
  });
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
