import type { ASTNode } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { FUNCTIONS, METHODS, TIME_PARTS } from './cel-functions.ts';
import { readZone, UTC, type Zone } from './time.ts';

/** Macros inside of macros multiply their cost; nobody can read more levels. */
const MAX_MACRO_DEPTH = 3;
/** A longer pattern is a mistake; Aegis's own patterns end there too. */
const MAX_PATTERN_CODE_UNITS = 1_000;

const MACROS = ['all', 'exists', 'exists_one', 'filter', 'map'] as const;
export type Macro = (typeof MACROS)[number];

/** What is made of parts of an expression once, at load. */
export interface Prepared {
  /** The pattern of a `matches`, by its call. */
  readonly patterns: ReadonlyMap<ASTNode, RE2JS>;
  /** The zone of a part of a time, by its call. */
  readonly zones: ReadonlyMap<ASTNode, Zone>;
}

/** A part of the language that is not supported, and where in the expression. */
export class UnsupportedError extends Error {
  readonly offset: number;

  constructor(node: ASTNode, message: string) {
    super(message);
    this.name = 'UnsupportedError';
    this.offset = node.start;
  }
}

/**
 * Walks a checked expression: everything in it must be what evaluation knows, patterns and time zones must be written
 * out, and macros may not be nested without bound. Throws `UnsupportedError`.
 */
export function prepare(root: ASTNode): Prepared {
  const preparation = new Preparation();
  preparation.node(root, 0);
  return preparation;
}

class Preparation implements Prepared {
  readonly patterns = new Map<ASTNode, RE2JS>();
  readonly zones = new Map<ASTNode, Zone>();

  node(node: ASTNode, depth: number): void {
    switch (node.op) {
      case 'value':
        return checkLiteral(node, node.args);
      case 'call':
        return this.#call(node, depth);
      case 'rcall':
        return this.#method(node, depth);
      case '.?':
      case '[?]':
        throw new UnsupportedError(node, 'optional values are not supported');
      default:
        return this.#all(partsOf(node), depth);
    }
  }

  #all(nodes: readonly ASTNode[], depth: number): void {
    for (const node of nodes) this.node(node, depth);
  }

  #call(node: ASTNode & { op: 'call' }, depth: number): void {
    const [name, args] = node.args;
    if (name === 'has') {
      if (args[0]?.op !== '.')
        throw new UnsupportedError(node, 'has() takes a field, such as has(action.params.count)');
    } else if (!FUNCTIONS.has(name)) {
      throw new UnsupportedError(
        node,
        `the function ${name}() is not supported; expected one of ${[...FUNCTIONS.keys()].join(', ')}`,
      );
    }
    this.#all(args, depth);
  }

  #method(node: ASTNode & { op: 'rcall' }, depth: number): void {
    const [name, receiver, args] = node.args;
    this.node(receiver, depth);
    if (isMacro(name)) {
      if (depth >= MAX_MACRO_DEPTH)
        throw new UnsupportedError(node, `more than ${MAX_MACRO_DEPTH} macros inside of one another`);
      this.#all(args.slice(1), depth + 1);
      return;
    }
    if (name === 'matches') this.patterns.set(node, readPattern(node, args[0]));
    else if (TIME_PARTS.has(name)) this.zones.set(node, readPlace(node, args[0]));
    else if (METHODS.has(name)) this.#all(args, depth);
    else
      throw new UnsupportedError(
        node,
        `the method ${name}() is not supported; expected one of ${methodNames().join(', ')}`,
      );
  }
}

type PlainNode = Exclude<ASTNode, { readonly op: 'value' | 'call' | 'rcall' | '.?' | '[?]' }>;

/** The expressions that a node is made of. */
function partsOf(node: PlainNode): readonly ASTNode[] {
  switch (node.op) {
    case 'id':
      return [];
    case '.':
      return [node.args[0]];
    case '!_':
    case '-_':
      return [node.args];
    case 'map':
      return node.args.flat();
    default:
      return node.args;
  }
}

export function isMacro(name: string): name is Macro {
  return MACROS.some((macro) => macro === name);
}

function methodNames(): readonly string[] {
  return [...METHODS.keys(), 'matches', ...MACROS, ...TIME_PARTS.keys()];
}

function checkLiteral(node: ASTNode, value: unknown): void {
  const known = value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
  if (!known) throw new UnsupportedError(node, 'unsigned numbers and bytes are not supported');
}

function readPattern(node: ASTNode, pattern: ASTNode | undefined): RE2JS {
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
    throw new UnsupportedError(node, 'the pattern of matches() must be written out as text');
  }
  if (pattern.args.length > MAX_PATTERN_CODE_UNITS) {
    throw new UnsupportedError(pattern, `the pattern has more than ${MAX_PATTERN_CODE_UNITS} characters`);
  }
  try {
    return RE2JS.compile(pattern.args);
  } catch {
    throw new UnsupportedError(pattern, 'the pattern is no regular expression of RE2');
  }
}

function readPlace(node: ASTNode, place: ASTNode | undefined): Zone {
  if (place === undefined) return UTC;
  if (place.op !== 'value' || typeof place.args !== 'string') {
    throw new UnsupportedError(node, 'a time zone must be written out as text');
  }
  const zone = readZone(place.args);
  if (zone.ok) return zone.zone;
  throw new UnsupportedError(place, zone.message);
}
