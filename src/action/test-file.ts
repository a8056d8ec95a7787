import * as z from 'zod';
import { checkShape } from '../document/check.ts';
import { formatPath, type Loaded, type Position } from '../document/mistake.ts';
import { readYaml, type YamlDocument } from '../document/yaml.ts';
import { canonicalText } from '../model/canonical.ts';
import { FAULTS, type FaultCode } from '../model/fault.ts';
import { isMap, type Value, type ValueMap } from '../model/value.ts';

const faultCodes = Object.keys(FAULTS).filter((code): code is FaultCode => code in FAULTS);

const text = z.record(z.string(), z.union([z.string(), z.int(), z.boolean()]));

const request = z.strictObject({
  method: z.string().min(1).default('GET'),
  url: z.string().min(1).describe('The absolute URL.'),
  headers: text.optional(),
  body: z.string().optional().describe('The body as it is sent.'),
  json: z.unknown().optional().describe('The body as a value; sent as JSON.'),
  form: text.optional().describe('The body as fields; sent as a form.'),
});

const action = z.strictObject({
  type: z.string().optional(),
  target: z.string().optional(),
  params: z.record(z.string(), z.unknown()).optional().describe('Parameters that must be there with this value.'),
  absent: z.array(z.string()).optional().describe('Parameters that must not be there.'),
  description: z.string().optional(),
  effect: z.enum(['read-only', 'reversible', 'irreversible']).nullable().optional(),
  amount: z.string().nullable().optional(),
  mapped: z.boolean().optional().describe('Whether an entry made the action; false is the default mapping.'),
});

const expectation = z.strictObject({
  action: action.optional().describe('The one action of the request.'),
  actions: z.array(action).min(1).optional().describe('All actions of the request, in their order.'),
  fault: z.enum(faultCodes).optional().describe('The code with which the request is refused.'),
});

/** The shape of a file with tests of action maps. */
export const actionTestSchema = z
  .strictObject({
    version: z.literal(1, { error: 'expected 1, the only version of this format' }),
    maps: z.array(z.string().min(1)).describe('The action maps under test, relative to this file.'),
    tests: z
      .array(z.strictObject({ name: z.string().min(1), request, expect: expectation }))
      .min(1)
      .describe('Requests and the actions that they must be.'),
  })
  .describe('Tests of action maps.');

type TestFile = z.output<typeof actionTestSchema>;
export type ExpectedAction = Omit<z.output<typeof action>, 'params'> & { readonly params: ValueMap };

/** One test: a request to send through the request stage, and what must come of it. */
export interface ActionTest {
  readonly name: string;
  readonly at: Position;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | null;
  readonly expected:
    | { readonly kind: 'actions'; readonly actions: readonly ExpectedAction[] }
    | { readonly kind: 'fault'; readonly code: FaultCode };
}

export interface ActionTestFile {
  readonly file: string;
  readonly maps: readonly string[];
  readonly tests: readonly ActionTest[];
}

/** Reads a file with tests of action maps. */
export function loadActionTests(source: string, file: string): Loaded<ActionTestFile> {
  const document = readYaml(source, file);
  if (!document.ok) return document;
  const shape = checkShape(document.value, actionTestSchema);
  if (!shape.ok) return shape;
  const mistakes = shape.value.tests.flatMap((test, index) => {
    const message = problemOf(test);
    const path = ['tests', index];
    return message === null ? [] : [{ ...document.value.position(path), path: formatPath(path), message }];
  });
  if (mistakes.length > 0) return { ok: false, mistakes };
  const tests = shape.value.tests.map((test, index) => testOf(test, index, document.value));
  return { ok: true, value: { file, maps: shape.value.maps, tests } };
}

type TestEntry = TestFile['tests'][number];

function problemOf({ request: sent, expect }: TestEntry): string | null {
  if ([sent.body, sent.json, sent.form].filter((body) => body !== undefined).length > 1) {
    return 'the request has several bodies; expected one of body, json and form';
  }
  const given = [expect.action, expect.actions, expect.fault].filter((one) => one !== undefined);
  return given.length === 1 ? null : 'expected exactly one of expect.action, expect.actions and expect.fault';
}

function testOf({ name, request: sent, expect }: TestEntry, index: number, document: YamlDocument): ActionTest {
  const path = ['tests', index];
  const { body, contentType } = bodyOf(sent, valueAt(document.root, [...path, 'request', 'json']));
  const headers = Object.entries(sent.headers ?? {}).map(([header, value]): [string, string] => [
    header,
    String(value),
  ]);
  const typed = headers.some(([header]) => header.toLowerCase() === 'content-type');
  return {
    name,
    at: document.position(path),
    method: sent.method,
    url: sent.url,
    headers: contentType === null || typed ? headers : [...headers, ['content-type', contentType]],
    body,
    expected:
      expect.fault === undefined
        ? { kind: 'actions', actions: expectedActions(expect, [...path, 'expect'], document) }
        : { kind: 'fault', code: expect.fault },
  };
}

function bodyOf(
  sent: TestEntry['request'],
  json: Value | undefined,
): { body: string | null; contentType: string | null } {
  if (sent.json !== undefined && json !== undefined) {
    return { body: canonicalText(json), contentType: 'application/json' };
  }
  if (sent.form === undefined) return { body: sent.body ?? null, contentType: null };
  const fields = Object.entries(sent.form).map(([name, value]): [string, string] => [name, String(value)]);
  return { body: new URLSearchParams(fields).toString(), contentType: 'application/x-www-form-urlencoded' };
}

function expectedActions(
  expect: TestEntry['expect'],
  path: readonly (string | number)[],
  document: YamlDocument,
): readonly ExpectedAction[] {
  const several = expect.actions ?? [];
  const written = expect.action === undefined ? several : [expect.action];
  return written.map((one, index) => {
    const where = expect.action === undefined ? [...path, 'actions', index] : [...path, 'action'];
    const params = valueAt(document.root, [...where, 'params']);
    return { ...one, params: params !== undefined && isMap(params) ? params : new Map<string, Value>() };
  });
}

/** The value at a path as it was read, with whole numbers of any size and fractions exact. */
function valueAt(root: Value, path: readonly (string | number)[]): Value | undefined {
  let value: Value | undefined = root;
  for (const step of path) {
    if (value === undefined || value === null || typeof value !== 'object') return undefined;
    if (isMap(value)) value = value.get(String(step));
    else value = Array.isArray(value) && typeof step === 'number' ? itemAt(value, step) : undefined;
  }
  return value;
}

function itemAt(list: readonly Value[], index: number): Value | undefined {
  return list[index];
}
