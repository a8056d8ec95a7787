import { readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseSync } from '@swc/core';
import { build } from 'esbuild';

const EXCHANGE = resolve('src/exchange.ts');
const PROBE = resolve('test/support/kill-point-probe.ts');

/**
 * At every `await` there are two points: what it waits for has begun, and it has come to a value. What runs between them
 * and the next ones changes nothing outside.
 */
export const PHASES = ['called', 'settled'] as const;

/** One `await`: named by its function and its place in that, and the text of what it waits for. */
export interface AwaitPoint {
  readonly name: string;
  readonly text: string;
}

interface Found extends AwaitPoint {
  /** Bytes of UTF-8 from the start of the text. */
  readonly from: number;
  readonly argument: number;
  readonly to: number;
}

/** The kill points of exchange.ts, in the order of its text. */
export async function pointsOfExchange(): Promise<readonly AwaitPoint[]> {
  return findAwaits(await readFile(EXCHANGE, 'utf8'));
}

/** The product with kill points in exchange.ts, as one file in `dist` that is removed in the end. */
export async function buildWithKillPoints(): Promise<BuiltProduct> {
  return await buildWoven('kill-points', /\/src\/exchange\.ts$/, (source) => instrument(source));
}

/** A build of the product that a test runs, and removes. */
export interface BuiltProduct extends AsyncDisposable {
  readonly entry: string;
}

/** Builds the product in `dist` with the files of `filter` as `weave` makes them. */
export async function buildWoven(
  name: string,
  filter: RegExp,
  weave: (source: string, path: string) => string,
): Promise<BuiltProduct> {
  const entry = resolve(`dist/.${name}-${process.pid}.mjs`);
  await build({
    entryPoints: ['src/main.ts'],
    outfile: entry,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    plugins: [
      {
        name,
        setup(given) {
          given.onLoad({ filter }, async ({ path }) => ({
            contents: weave(await readFile(path, 'utf8'), path),
            loader: 'ts',
          }));
        },
      },
    ],
  });
  return { entry, [Symbol.asyncDispose]: async () => await rm(entry, { force: true }) };
}

/**
 * The source with its kill points: `await x` becomes `killPoint('NAME settled', await killPoint('NAME called', x))`, where
 * `killPoint` is that of the module `probe` and each name begins with `prefix`.
 */
export function instrument(source: string, probe: string = PROBE, prefix = ''): string {
  const inserts = findAwaits(source).flatMap(({ name, from, argument, to }) => [
    { at: from, text: `__killPoint(${JSON.stringify(`${prefix}${name} settled`)}, ` },
    { at: argument, text: `__killPoint(${JSON.stringify(`${prefix}${name} called`)}, ` },
    { at: to, text: '))' },
  ]);
  const bytes = Buffer.from(source);
  let text = `import { killPoint as __killPoint } from ${JSON.stringify(probe)};\n`;
  let before = 0;
  for (const insert of inserts.toSorted((left, right) => left.at - right.at)) {
    text += bytes.toString('utf8', before, insert.at) + insert.text;
    before = insert.at;
  }
  return text + bytes.toString('utf8', before);
}

/** The first token of the parsed text, so that offsets are known to count from its start. */
const FIRST = ';';

export function findAwaits(source: string): readonly Found[] {
  const text = Buffer.from(`${FIRST}${source}`);
  const tree = parseSync(text.toString(), { syntax: 'typescript', target: 'es2024' });
  const found: Found[] = [];
  const counts = new Map<string, number>();
  const base = tree.span.start + FIRST.length;
  const visit = (node: unknown, owner: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, span, argument, identifier, isAwait, await: awaits } = node as Node;
    if (isAwait === true || awaits === true)
      throw new Error(`${owner}: expected only "await" as an expression, found a loop or a declaration that awaits`);
    const inside = type === 'FunctionDeclaration' ? (identifier?.value ?? owner) : owner;
    if (type === 'AwaitExpression' && span !== undefined && argument?.span !== undefined) {
      const count = (counts.get(inside) ?? 0) + 1;
      counts.set(inside, count);
      const from = span.start - base;
      const to = span.end - base;
      const start = argument.span.start - base;
      const shown = text.toString('utf8', start + FIRST.length, to + FIRST.length).replaceAll(/\s+/gu, ' ');
      found.push({ name: `${inside} ${count}`, text: shown, from, argument: start, to });
    }
    for (const child of Object.values(node)) {
      if (Array.isArray(child)) for (const one of child) visit(one, inside);
      else visit(child, inside);
    }
  };
  visit(tree, 'top level');
  return found.toSorted((left, right) => left.from - right.from);
}

interface Node {
  readonly type?: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly argument?: { readonly span?: { readonly start: number; readonly end: number } };
  readonly identifier?: { readonly value: string } | null;
  /** True for a declaration or a loop that awaits. */
  readonly isAwait?: boolean | null;
  readonly await?: boolean | null;
}
