import type { ASTNode } from '@marcbachmann/cel-js';
import type { Value } from '../model/value.ts';
import { FUNCTIONS, METHODS, TIME_PARTS } from './cel-functions.ts';
import { applyBinary, applyUnary } from './cel-operators.ts';
import { isMacro, type Macro, type Prepared } from './cel-prepare.ts';
import { type Budget, CelError, celKind, Instant, isCelList, isCelMap, type CelValue } from './cel-value.ts';

/** Making an error costs as much as evaluating some hundred nodes. */
const COST_OF_ERROR = 100;

type OperatorNode = Exclude<ASTNode, { readonly op: 'value' | 'id' | '.' | '[]' | 'call' | 'rcall' | 'list' | 'map' }>;

/** Names in force: the innermost first. */
export interface Scope {
  readonly name: string;
  readonly value: CelValue;
  readonly outer: Scope | null;
}

/**
 * Evaluates a prepared expression within a budget. The library parses and checks; evaluation is ours, because the cost
 * of every step must be counted, and because numbers must stay exact. Throws `CelError` and `BudgetError`.
 */
export class Evaluation {
  readonly #prepared: Prepared;
  readonly #budget: Budget;

  constructor(prepared: Prepared, budget: Budget) {
    this.#prepared = prepared;
    this.#budget = budget;
  }

  run(node: ASTNode, scope: Scope | null): CelValue {
    this.#budget.spend(1);
    switch (node.op) {
      case 'value':
        return literal(node.args);
      case 'id':
        return lookUp(node.args, scope);
      case '.':
        return field(this.run(node.args[0], scope), node.args[1]);
      case '[]':
        return index(this.run(node.args[0], scope), this.run(node.args[1], scope));
      case 'call':
        return this.#call(node.args[0], node.args[1], scope);
      case 'rcall':
        return this.#method(node, scope);
      case 'list':
        return node.args.map((item) => this.run(item, scope));
      case 'map':
        return this.#mapping(node.args, scope);
      default:
        return this.#operator(node, scope);
    }
  }

  #operator(node: OperatorNode, scope: Scope | null): CelValue {
    switch (node.op) {
      case '?:':
        return this.run(this.#condition(node.args[0], scope) ? node.args[1] : node.args[2], scope);
      case '&&':
      case '||':
        return this.#logic(node, scope);
      case '!_':
      case '-_':
        return applyUnary(node.op, this.run(node.args, scope));
      case '.?':
      case '[?]':
        throw new CelError('optional values are not supported');
      default:
        return applyBinary(node.op, this.run(node.args[0], scope), this.run(node.args[1], scope), this.#budget);
    }
  }

  #condition(node: ASTNode, scope: Scope | null): boolean {
    const value = this.run(node, scope);
    if (typeof value === 'boolean') return value;
    throw new CelError(`expected bool, found ${celKind(value)}`);
  }

  /** A side that decides alone hides an error of the other, on whichever side it stands (CEL specification, logical operators). */
  #logic(node: ASTNode & { op: '&&' | '||' }, scope: Scope | null): boolean {
    const [left, right] = node.args;
    const deciding = node.op === '||';
    const first = this.#attempt(left, scope);
    if (first === deciding) return deciding;
    const second = this.#condition(right, scope);
    if (second === deciding || typeof first === 'boolean') return second;
    throw first;
  }

  #attempt(node: ASTNode, scope: Scope | null): boolean | CelError {
    try {
      return this.#condition(node, scope);
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      this.#budget.spend(COST_OF_ERROR);
      return error;
    }
  }

  #call(name: string, args: readonly ASTNode[], scope: Scope | null): CelValue {
    const [first] = args;
    if (name === 'has' && first?.op === '.') return has(this.run(first.args[0], scope), first.args[1]);
    const handler = FUNCTIONS.get(name);
    if (handler === undefined) throw new CelError(`unknown function ${name}()`);
    return handler(
      args.map((arg) => this.run(arg, scope)),
      this.#budget,
    );
  }

  #method(node: ASTNode & { op: 'rcall' }, scope: Scope | null): CelValue {
    const [name, receiverNode, args] = node.args;
    const receiver = this.run(receiverNode, scope);
    if (isMacro(name)) return this.#macro(name, receiver, args, scope);
    const pattern = this.#prepared.patterns.get(node);
    if (pattern !== undefined) return this.#matches(receiver, pattern);
    const zone = this.#prepared.zones.get(node);
    const part = TIME_PARTS.get(name);
    if (zone !== undefined && part !== undefined) {
      if (!(receiver instanceof Instant)) throw new CelError(`no such overload: ${name} of ${celKind(receiver)}`);
      return BigInt(part(zone.at(receiver.ms), receiver.ms));
    }
    const handler = METHODS.get(name);
    if (handler === undefined) throw new CelError(`unknown method ${name}()`);
    return handler([receiver, ...args.map((arg) => this.run(arg, scope))], this.#budget);
  }

  /** The automaton looks at each code unit once, for some tens of nanoseconds. */
  #matches(receiver: CelValue, pattern: { test(text: string): boolean }): boolean {
    if (typeof receiver !== 'string') throw new CelError(`no such overload: matches of ${celKind(receiver)}`);
    this.#budget.spend(1 + receiver.length);
    return pattern.test(receiver);
  }

  #mapping(entries: readonly (readonly [ASTNode, ASTNode])[], scope: Scope | null): CelValue {
    const result = new Map<string, Value>();
    for (const [keyNode, valueNode] of entries) {
      const key = this.run(keyNode, scope);
      if (typeof key !== 'string') throw new CelError(`expected string as a key, found ${celKind(key)}`);
      if (result.has(key)) throw new CelError('a mapping has the same key twice');
      result.set(key, storable(this.run(valueNode, scope)));
    }
    return result;
  }

  #macro(macro: Macro, receiver: CelValue, args: readonly ASTNode[], scope: Scope | null): CelValue {
    const [variable, first, second] = args;
    if (variable?.op !== 'id' || first === undefined) throw new CelError(`${macro}() has wrong arguments`);
    const items = itemsOf(macro, receiver);
    const inner = (value: CelValue): Scope => ({ name: variable.args, value, outer: scope });
    if (macro === 'all' || macro === 'exists') return this.#quantify(items, first, inner, macro === 'exists');
    if (macro === 'map' && second === undefined) return items.map((item) => this.run(first, inner(item)));
    const chosen = items.filter((item) => this.#condition(first, inner(item)));
    if (macro === 'exists_one') return chosen.length === 1;
    return second === undefined ? chosen : chosen.map((item) => this.run(second, inner(item)));
  }

  /** `exists` ends at the first true, `all` at the first false; an error counts only when nothing ends it. */
  #quantify(
    items: readonly CelValue[],
    predicate: ASTNode,
    inner: (value: CelValue) => Scope,
    deciding: boolean,
  ): boolean {
    let failure: CelError | null = null;
    for (const item of items) {
      const answer = this.#attempt(predicate, inner(item));
      if (answer === deciding) return deciding;
      if (answer instanceof CelError) failure = answer;
    }
    if (failure !== null) throw failure;
    return !deciding;
  }
}

/** What a macro runs over: the items of a list, or the keys of a mapping. */
function itemsOf(macro: Macro, receiver: CelValue): readonly CelValue[] {
  if (isCelList(receiver)) return receiver;
  if (isCelMap(receiver)) return [...receiver.keys()];
  throw new CelError(`no such overload: ${macro} of ${celKind(receiver)}`);
}

function literal(value: unknown): CelValue {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  throw new CelError('unsupported literal');
}

function lookUp(name: string, scope: Scope | null): CelValue {
  for (let at = scope; at !== null; at = at.outer) if (at.name === name) return at.value;
  throw new CelError(`unknown name ${name}`);
}

function field(value: CelValue, name: string): CelValue {
  if (!isCelMap(value)) throw new CelError(`${celKind(value)} has no field ${JSON.stringify(name)}`);
  const found = value.get(name);
  if (found === undefined) throw new CelError(`no such key: ${JSON.stringify(name)}; ask for it with has()`);
  return found;
}

function has(value: CelValue, name: string): boolean {
  if (!isCelMap(value)) throw new CelError(`${celKind(value)} has no field ${JSON.stringify(name)}`);
  return value.has(name);
}

function index(value: CelValue, key: CelValue): CelValue {
  if (isCelMap(value) && typeof key === 'string') return field(value, key);
  if (!isCelList(value) || typeof key !== 'bigint') {
    throw new CelError(`no such overload: ${celKind(value)}[${celKind(key)}]`);
  }
  const found = key >= 0n && key < BigInt(value.length) ? value[Number(key)] : undefined;
  if (found === undefined) throw new CelError('a list has no such index');
  return found;
}

/** What a mapping written in an expression may hold. */
function storable(value: CelValue): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint')
    return value;
  if (isCelMap(value)) return value;
  throw new CelError(`${celKind(value)} cannot stand in a mapping`);
}
