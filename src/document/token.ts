import type { Mark } from './node.ts';

/** What the scanner makes of a text, in the words of YAML 1.1. */
export type Token =
  | { readonly kind: PunctuationKind; readonly mark: Mark }
  | { readonly kind: 'alias' | 'anchor'; readonly mark: Mark; readonly name: string }
  | { readonly kind: 'tag'; readonly mark: Mark; readonly handle: string | null; readonly suffix: string }
  | { readonly kind: 'directive'; readonly mark: Mark; readonly directive: Directive }
  | { readonly kind: 'scalar'; readonly mark: Mark; readonly text: string; readonly plain: boolean };

export type PunctuationKind =
  | 'document-start'
  | 'document-end'
  | 'stream-end'
  | 'block-sequence-start'
  | 'block-mapping-start'
  | 'block-end'
  | 'flow-sequence-start'
  | 'flow-sequence-end'
  | 'flow-mapping-start'
  | 'flow-mapping-end'
  | 'block-entry'
  | 'flow-entry'
  | 'key'
  | 'value';

export type Directive =
  | { readonly name: 'YAML'; readonly major: number }
  | { readonly name: 'TAG'; readonly handle: string; readonly prefix: string }
  | { readonly name: 'other' };

const PUNCTUATION: { readonly [kind in PunctuationKind]: string } = {
  'stream-end': 'the end of the file',
  'document-start': 'the start of a document (---)',
  'document-end': 'the end of a document (...)',
  'block-sequence-start': 'an item of a list ("- ")',
  'block-entry': 'an item of a list ("- ")',
  'block-mapping-start': 'a key',
  key: 'a key',
  'block-end': 'the end of an indented block',
  value: '":"',
  'flow-entry': '","',
  'flow-sequence-start': '"["',
  'flow-sequence-end': '"]"',
  'flow-mapping-start': '"{"',
  'flow-mapping-end': '"}"',
};

/** How messages call a token. */
export function describeToken(token: Token): string {
  switch (token.kind) {
    case 'scalar':
      return token.plain ? JSON.stringify(token.text.slice(0, 40)) : 'a text in quotes';
    case 'alias':
    case 'anchor':
      return `an ${token.kind}`;
    case 'tag':
    case 'directive':
      return `a ${token.kind}`;
    default:
      return PUNCTUATION[token.kind];
  }
}
