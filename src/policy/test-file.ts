import { checkShape } from '../document/check.ts';
import { formatPath, inFileOrder, type Loaded, type Mistake, type Position } from '../document/mistake.ts';
import { readYaml, type YamlDocument } from '../document/yaml.ts';
import type { Action, Actions } from '../model/action.ts';
import type { SessionStep } from '../model/ports.ts';
import { isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import type { RequestFacts } from '../model/facts.ts';
import type { EvaluationContext } from './context.ts';
import {
  parseInstant,
  testFileSchema,
  type ActionShape,
  type ExpectationShape,
  type TestCaseShape,
  type TestFileShape,
} from './test-file-schema.ts';

/** A policy test file, read. */
export interface TestFile {
  readonly file: string;
  /** Paths as written, relative to the test file; null: the policy that lies beside it. */
  readonly policy: readonly string[] | null;
  /** Relative to the test file as well; null for none. */
  readonly baseline: string | null;
  readonly cases: readonly TestCase[];
}

/** One case: what is asked, of which world, and what has to come of it. */
export interface TestCase {
  readonly name: string;
  readonly position: Position;
  readonly actions: Actions;
  readonly context: EvaluationContext;
  /** What the agent did before, oldest first. */
  readonly history: readonly SessionStep[];
  readonly expected: Expectation;
}

/** What a case expects; a part that is undefined expects nothing. */
export type Expectation = ExpectationShape;

type Path = readonly (string | number)[];

/** Reads a policy test file; all mistakes at once. */
export function readTestFile(text: string, file: string): Loaded<TestFile> {
  const document = readYaml(text, file);
  if (!document.ok) return document;
  const checked = checkShape(document.value, testFileSchema);
  if (!checked.ok) return checked;
  const mistakes = [...repeatedNames(checked.value, document.value), ...wrongCounts(checked.value, document.value)];
  if (mistakes.length > 0) return { ok: false, mistakes: inFileOrder(mistakes) };
  const shape = checked.value;
  return {
    ok: true,
    value: {
      file,
      policy: shape.policy === undefined ? null : asList(shape.policy),
      baseline: shape.baseline ?? null,
      cases: shape.cases.map((written, index) => new CaseReader(document.value, shape, index).read(written)),
    },
  };
}

function asList(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

function repeatedNames(shape: TestFileShape, document: YamlDocument): readonly Mistake[] {
  const first = new Map<string, number>();
  const mistakes: Mistake[] = [];
  for (const [index, { name }] of shape.cases.entries()) {
    const earlier = first.get(name);
    if (earlier === undefined) {
      first.set(name, index);
      continue;
    }
    const { line } = document.position(['cases', earlier, 'name']);
    const path: Path = ['cases', index, 'name'];
    const message = `the name ${JSON.stringify(name)} was used in line ${line}; expected a name of its own`;
    mistakes.push({ ...document.position(path), path: formatPath(path), message });
  }
  return mistakes;
}

function wrongCounts(shape: TestFileShape, document: YamlDocument): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  for (const [index, { actions, expect }] of shape.cases.entries()) {
    const asked = actions?.length ?? 1;
    const answered = expect.decisions?.length ?? asked;
    if (asked === answered) continue;
    const path: Path = ['cases', index, 'expect', 'decisions'];
    const message = `${answered} decisions for ${asked} actions; expected one decision for each action`;
    mistakes.push({ ...document.position(path), path: formatPath(path), message });
  }
  return mistakes;
}

/** Makes a case of its shape; parameters are taken from the document, where numbers are exact. */
class CaseReader {
  readonly #document: YamlDocument;
  readonly #file: TestFileShape;
  readonly #base: Path;

  constructor(document: YamlDocument, file: TestFileShape, index: number) {
    this.#document = document;
    this.#file = file;
    this.#base = ['cases', index];
  }

  read(written: TestCaseShape): TestCase {
    const actions = this.#actions(written);
    const now = parseInstant(written.now ?? this.#file.now) ?? Number.NaN;
    return {
      name: written.name,
      position: this.#document.position([...this.#base, 'name']),
      actions,
      context: {
        now,
        request: written.request === undefined ? null : this.#facts(written.request),
        agent: {
          id: actions[0].agentId,
          namespace: written.agent.namespace,
          serviceAccount: written.agent.service_account,
          pod: written.agent.pod,
        },
        enforcement: written.enforcement,
      },
      history: written.history
        .map((step) => ({ at: now - step.ago, type: step.type, riskLevel: step.risk_level }))
        .sort((left, right) => left.at - right.at),
      expected: written.expect,
    };
  }

  #actions(written: TestCaseShape): Actions {
    if (written.action !== undefined) return [this.#action(written.action, [...this.#base, 'action'])];
    const path: Path = [...this.#base, 'actions'];
    const [first, ...rest] = (written.actions ?? []).map((action, index) => this.#action(action, [...path, index]));
    if (first === undefined) throw new Error('a case without an action passed the schema');
    return [first, ...rest];
  }

  #action(shape: ActionShape, path: Path): Action {
    return {
      type: shape.type,
      target: shape.target,
      params: mapAt(this.#document.root, [...path, 'params']),
      description: shape.description,
      agentId: shape.agent_id ?? this.#file.agent_id,
      effect: null,
      amountParam: null,
      mappedBy: null,
    };
  }

  #facts(shape: NonNullable<TestCaseShape['request']>): RequestFacts {
    return {
      method: shape.method,
      scheme: shape.scheme,
      host: shape.host,
      port: shape.port,
      path: shape.path,
      route: shape.route,
      entry: shape.entry,
      query: mapAt(this.#document.root, [...this.#base, 'request', 'query']),
      headers: new Map(Object.entries(shape.headers)),
      contentType: shape.content_type,
      bodyBytes: shape.body_bytes,
    };
  }
}

const NO_VALUES: ValueMap = new Map();

/** The mapping at a path, or an empty one where there is none. */
function mapAt(root: Value, path: Path): ValueMap {
  let value: Value = root;
  for (const step of path) {
    let next: Value | undefined;
    if (isMap(value)) next = value.get(String(step));
    else if (isList(value) && typeof step === 'number') next = value[step];
    if (next === undefined) return NO_VALUES;
    value = next;
  }
  return isMap(value) ? value : NO_VALUES;
}
