import { Document, visit } from 'yaml';

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
      return asciiYaml(value);
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

/** YAML in which every text is in double quotes, so that no reader, of 1.1 or 1.2, takes one for anything else. */
function asciiYaml(value: object): string {
  const document = new Document(JSON.parse(JSON.stringify(value)));
  visit(document, {
    Scalar: (position, node) => {
      if (typeof node.value !== 'string') return;
      const bare = position === 'key' && PLAIN_KEY.test(node.value) && !YAML_WORDS.test(node.value);
      node.type = bare ? 'PLAIN' : 'QUOTE_DOUBLE';
    },
  });
  // Beyond ASCII there is only quoted text, where an escape stands for its character (YAML 1.2.2 section 5.7).
  return document.toString({ lineWidth: 0, doubleQuotedAsJSON: true }).replace(BEYOND_ASCII, yamlEscape);
}

function yamlEscape(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return character.length === 1 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`;
}
