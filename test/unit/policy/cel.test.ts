import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/model/action.ts';
import { Decimal } from '../../../src/model/value.ts';
import { celInput, compileCel, runCel } from '../../../src/policy/cel.ts';
import type { RequestFacts } from '../../../src/model/facts.ts';
import { actionOf, contextAt, decisionOf } from '../../support/policies.ts';

const REQUEST: RequestFacts = {
  method: 'POST',
  scheme: 'https',
  host: 'api.example.com',
  port: 443,
  path: '/v1/refunds',
  route: 'stripe',
  entry: 'route',
  query: new Map([['dry_run', '1']]),
  headers: new Map([['x-team', 'billing']]),
  contentType: 'application/json',
  bodyBytes: 120,
};
const AGENT = { id: 'bot', namespace: 'shop', serviceAccount: 'refunds', pod: 'refunds-0' };
const ACTION: Action = {
  ...actionOf({
    type: 'refund',
    target: 'orders',
    params: {
      count: 7,
      ratio: 1.5,
      big: 2n ** 63n + 1n,
      name: 'héllo',
      nothing: null,
      items: [{ a: 2, b: 1 }, { a: 3 }],
      nested: { deep: { flag: true } },
    },
  }),
  amountParam: 'count',
};

function run(source: string, action: Action = ACTION) {
  const compiled = compileCel(source);
  if (!compiled.ok) return compiled.message;
  const context = contextAt('2026-03-20T12:30:05Z', { request: REQUEST, agent: AGENT });
  const answer = runCel(compiled.program, celInput(action, context));
  return typeof answer === 'boolean' ? answer : answer.problem;
}

describe('CEL expressions', () => {
  it.each([
    'action.type == "refund" && action.target != "x"',
    'action.params.count > 5 && action.params.count <= 7',
    'action.params.ratio < 2 && action.params.count > 1.5',
    'action.params.big > 9223372036854775807',
    'action.params.nested.deep.flag',
    'action.params["name"] == "héllo"',
    'action.params.name.size() == 5 && size(action.params.items) == 2',
    'action.params.nothing == null && has(action.params.nothing)',
    '!has(action.params.missing) && has(action.params.count)',
    '"count" in action.params && !("x" in action.params)',
    'action.amount == 7',
    'action.params.items.all(i, has(i.a))',
    'action.params.items.exists(i, i.b == 1)',
    'action.params.items.exists_one(i, i.a == 3)',
    'action.params.items.map(i, i.a) == [2, 3]',
    'action.params.items.map(i, i.a > 2, i.a) == [3]',
    'action.params.items.filter(i, i.a > 2).size() == 1',
    'action.params.items[1].a == 3',
    'action.params.exists(k, k == "count")',
    'request.method in ["POST", "PUT"] && request.port == 443',
    'request.headers["x-team"] == "billing" && request.query["dry_run"] == "1"',
    'request.path.startsWith("/v1/") && request.path.endsWith("refunds") && request.host.contains("example")',
    'request.contentType.upperAscii() == "APPLICATION/JSON" && " a ".trim() == "a" && "ÀB".lowerAscii() == "Àb"',
    'agent.namespace == "shop" && agent.serviceAccount == "refunds" && agent.pod == "refunds-0"',
    'now.getHours() == 12 && now.getMinutes() == 30 && now.getSeconds() == 5',
    'now.getHours("Europe/Berlin") == 13 && now.getDayOfWeek() == 5',
    'now.getDate() == 20 && now.getDayOfMonth() == 19 && now.getMonth() == 2 && now.getFullYear() == 2026',
    'now > timestamp("2026-01-01T00:00:00Z") && now - timestamp("2026-03-20T12:30:00Z") == duration("5s")',
    'now + duration("1h") > now && duration("-5m") < duration("1s")',
    'action.params.name.matches("^h.llo$")',
    '(action.params.count > 5 ? "big" : "small") == "big"',
    'action.params.count * 2 - 4 == 10 && action.params.count / 2 == 3 && action.params.count % 2 == 1',
    'action.params.ratio * 2.0 == 3.0 && -action.params.count == -7',
    'int("42") == 42 && double("1.5") == 1.5 && string(7) == "7" && int(2.9) == 2',
    'action.type + "s" == "refunds" && [1] + [2] == [1, 2]',
    'action.params.missing > 1 || true',
    '!(action.params.missing > 1 && false)',
    'action.params.count != "7"',
    '{"a": 1}.a == 1 && "a" in {"a": 1}',
  ])('finds true: %s', (source) => {
    expect(run(source)).toBe(true);
  });

  it.each([
    ['action.params.missing > 1', 'no such key: "missing"; ask for it with has()'],
    ['action.params.count > "5"', 'no such overload: int > string'],
    ['action.params.name > 5', 'no such overload: string > int'],
    ['action.params.count', 'expected bool, found int'],
    ['action.params.count && true', 'expected bool, found int'],
    ['action.params.count.deep', 'int has no field "deep"'],
    ['action.params.items[7].a == 1', 'a list has no such index'],
    ['action.params.items[-1].a == 1', 'a list has no such index'],
    ['action.params.items.all(i, i.b == 1)', 'no such key: "b"; ask for it with has()'],
    ['action.params.count.all(i, true)', 'no such overload: all of int'],
    ['action.params.count / 0 == 1', 'division by zero'],
    ['action.params.big + 1 == 1', 'a whole number is beyond 64 bits'],
    ['action.params.name.matches("(")', 'the pattern is no regular expression of RE2'],
    ['action.params.count.matches("a")', 'no such overload: matches of int'],
    ['int(action.params.name) == 1', 'cannot make an int of string'],
    ['timestamp(action.params.name) > now', 'cannot make a timestamp of this'],
  ])('has no answer for %s', (source, problem) => {
    expect(run(source)).toEqual(expect.stringContaining(problem));
  });

  it.each([
    ['action.typ == "x"', 'No such key: typ (line 1, column 8 of the expression)'],
    ['foo > 1', 'Unknown variable: foo (line 1, column 1 of the expression)'],
    ['request.port > "a"', 'no such overload: int > string'],
    ['action.type == "a" &&\n (action.target', 'Expected RPAREN, got EOF (line 2, column 16'],
    ['action.type', 'the expression is a string; expected one that is true or false'],
    ['action.type.matches(action.target)', 'the pattern of matches() must be written out as text'],
    ['now.getHours(action.type) == 1', 'a time zone must be written out as text'],
    ['now.getHours("Mars") == 1', '"Mars" is not a time zone'],
    ['action.type.split(",").size() > 1', 'the method split() is not supported'],
    ['type(action.type) == string', 'the function type() is not supported'],
    ['cel.bind(x, 1, x == 1)', 'the method bind() is not supported'],
    ['b"a" == b"a"', 'unsigned numbers and bytes are not supported'],
    ['[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))', 'more than 3 macros inside of one another'],
    [`true${' || true'.repeat(1_000)}`, 'the expression has more than 4000 characters'],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, 'maxDepth'],
  ])('refuses at load: %s', (source, message) => {
    expect(run(source)).toEqual(expect.stringContaining(message));
  });

  it('has no request where there is none', () => {
    const text = 'rules: [{name: r, conditions: {when: request.method == "GET"}, approval: auto}]';
    expect(decisionOf(text, ACTION)).toMatchObject({
      approval: 'block',
      rule: 'r',
      reason: { kind: 'evaluation-error', operator: 'when', param: '', problem: 'null has no field "method"' },
    });
  });

  it('blocks when lists in the request make an expression cost too much', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => BigInt(index));
    const action = { ...ACTION, params: new Map([['many', many]]) };
    const problem = 'the expression costs too much on this request';
    expect(run('action.params.many.all(i, i >= 0)', action)).toBe(true);
    expect(run('action.params.many.all(i, action.params.many.exists(j, j == i))', action)).toBe(problem);
    expect(run('action.params.many.all(i, i in action.params.many)', action)).toBe(problem);
    expect(run('action.params.many.exists(i, i.x == 1) || true', action)).toBe(problem);
  });

  it('counts the cost of texts that make search slow', () => {
    const action = actionOf({ params: { text: 'a'.repeat(1_000_000), part: `${'a'.repeat(400_000)}b` } });
    expect(run('action.params.text.contains(action.params.part)', action)).toBe(
      'the expression costs too much on this request',
    );
    expect(run('action.params.text.contains("ab")', action)).toBe(false);
  });

  it('shares one budget among all rules of a decision', () => {
    const many = Array.from({ length: 30_000 }, (_, index) => BigInt(index));
    const action = { ...ACTION, params: new Map([['many', many]]) };
    const rules = Array.from(
      { length: 10 },
      (_, index) => `- {name: r${index}, conditions: {when: "action.params.many.exists(i, i < 0)"}, approval: auto}`,
    );
    const decision = decisionOf(`rules:\n${rules.join('\n')}\n`, action);
    expect(decision).toMatchObject({ approval: 'block', reason: { kind: 'evaluation-error', operator: 'when' } });
    expect(decision.rule).not.toBe('r0');
  });

  it('keeps numbers exact', () => {
    const action = actionOf({ params: { n: 9_007_199_254_740_993n, d: new Decimal(2 ** 53, '9007199254740992.0') } });
    expect(run('action.params.n == 9007199254740993 && action.params.n > action.params.d', action)).toBe(true);
  });
});
