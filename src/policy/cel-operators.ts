import {
  type Budget,
  CelError,
  celEqual,
  celKind,
  celNumber,
  celOrder,
  Instant,
  isCelList,
  isCelMap,
  Span,
  type CelValue,
} from './cel-value.ts';

/** CEL's whole numbers have 64 bits; a result beyond them is an error and never wraps. */
const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

/** The binary operators that evaluate both sides. */
export type CelBinaryOperator = '==' | '!=' | 'in' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%';

/** Applies a binary operator. Throws `CelError` where CEL has no such overload. */
export function applyBinary(operator: CelBinaryOperator, left: CelValue, right: CelValue, budget: Budget): CelValue {
  switch (operator) {
    case '==':
      return celEqual(left, right, budget);
    case '!=':
      return !celEqual(left, right, budget);
    case 'in':
      return contains(left, right, budget);
    case '<':
      return orderOf(operator, left, right, budget) < 0;
    case '<=':
      return orderOf(operator, left, right, budget) <= 0;
    case '>':
      return orderOf(operator, left, right, budget) > 0;
    case '>=':
      return orderOf(operator, left, right, budget) >= 0;
    default:
      return arithmetic(operator, left, right, budget);
  }
}

function noOverload(operator: string, left: CelValue, right: CelValue): CelError {
  return new CelError(`no such overload: ${celKind(left)} ${operator} ${celKind(right)}`);
}

function contains(item: CelValue, container: CelValue, budget: Budget): boolean {
  if (isCelList(container)) return container.some((member) => celEqual(item, member, budget));
  if (isCelMap(container)) return typeof item === 'string' && container.has(item);
  throw noOverload('in', item, container);
}

function orderOf(operator: string, left: CelValue, right: CelValue, budget: Budget): number {
  const [leftNumber, rightNumber] = [celNumber(left), celNumber(right)];
  if (leftNumber !== null && rightNumber !== null) return celOrder(leftNumber, rightNumber);
  if (typeof left === 'string' && typeof right === 'string') {
    budget.spendText(Math.min(left.length, right.length));
    return orderTexts(left, right);
  }
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  const order = orderTimes(left, right);
  if (order === null) throw noOverload(operator, left, right);
  return order;
}

function orderTimes(left: CelValue, right: CelValue): number | null {
  if (left instanceof Instant && right instanceof Instant) return left.ms - right.ms;
  return left instanceof Span && right instanceof Span ? left.ms - right.ms : null;
}

/** By code point. */
function orderTexts(left: string, right: string): number {
  let at = 0;
  while (at < left.length && left.charCodeAt(at) === right.charCodeAt(at)) at += 1;
  return (left.codePointAt(at) ?? -1) - (right.codePointAt(at) ?? -1);
}

function arithmetic(operator: '+' | '-' | '*' | '/' | '%', left: CelValue, right: CelValue, budget: Budget): CelValue {
  const [leftNumber, rightNumber] = [celNumber(left), celNumber(right)];
  if (typeof leftNumber === 'bigint' && typeof rightNumber === 'bigint') {
    return wholeArithmetic(operator, leftNumber, rightNumber);
  }
  if (typeof leftNumber === 'number' && typeof rightNumber === 'number' && operator !== '%') {
    return doubleArithmetic(operator, leftNumber, rightNumber);
  }
  if (operator === '+') return add(left, right, budget);
  if (operator === '-') return subtract(left, right);
  throw noOverload(operator, left, right);
}

function wholeArithmetic(operator: '+' | '-' | '*' | '/' | '%', left: bigint, right: bigint): bigint {
  if ((operator === '/' || operator === '%') && right === 0n) throw new CelError('division by zero');
  const result = wholeResult(operator, left, right);
  if (result < MIN_INT || result > MAX_INT) throw new CelError('a whole number is beyond 64 bits');
  return result;
}

function wholeResult(operator: '+' | '-' | '*' | '/' | '%', left: bigint, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    default:
      return operator satisfies never;
  }
}

function doubleArithmetic(operator: '+' | '-' | '*' | '/', left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    default:
      return operator satisfies never;
  }
}

function add(left: CelValue, right: CelValue, budget: Budget): CelValue {
  if (typeof left === 'string' && typeof right === 'string') {
    budget.spendText(left.length + right.length);
    return left + right;
  }
  if (isCelList(left) && isCelList(right)) {
    budget.spend(left.length + right.length);
    return [...left, ...right];
  }
  if (right instanceof Span) return addSpan(left, right);
  if (left instanceof Span) return addSpan(right, left);
  throw noOverload('+', left, right);
}

function addSpan(time: CelValue, span: Span): CelValue {
  if (time instanceof Instant) return new Instant(time.ms + span.ms);
  if (time instanceof Span) return new Span(time.ms + span.ms);
  throw noOverload('+', time, span);
}

function subtract(left: CelValue, right: CelValue): CelValue {
  if (left instanceof Instant && right instanceof Instant) return new Span(left.ms - right.ms);
  if (left instanceof Instant && right instanceof Span) return new Instant(left.ms - right.ms);
  if (left instanceof Span && right instanceof Span) return new Span(left.ms - right.ms);
  throw noOverload('-', left, right);
}

/** `!` and unary `-`. */
export function applyUnary(operator: '!_' | '-_', value: CelValue): CelValue {
  if (operator === '!_') {
    if (typeof value === 'boolean') return !value;
    throw new CelError(`no such overload: !${celKind(value)}`);
  }
  const number = celNumber(value);
  if (typeof number === 'bigint') return wholeArithmetic('-', 0n, number);
  if (typeof number === 'number') return -number;
  throw new CelError(`no such overload: -${celKind(value)}`);
}
