/** `npm run docs`: writes the pages that are made from tables of the code. A test compares the two. */
import { writeFile } from 'node:fs/promises';
import { LIMITS, type Limit } from '../src/config/limits.ts';
import { formatDuration, formatSize } from '../src/document/quantity.ts';
import { FAULTS, type FaultDefinition } from '../src/model/fault.ts';
import { metricsPage } from './metrics-page.ts';

/** The text of docs/faults.md. */
export function faultsPage(): string {
  const sections = Object.entries<FaultDefinition>(FAULTS).map(
    ([code, { status, title, advice, retry }]) =>
      `## ${code}\n\n${title}. HTTP status ${status}${status === 499 ? ' (never sent: there is nobody to answer)' : ''}. ` +
      `Sending the same request again ${retry ? 'may succeed' : 'is refused again'}.\n\n${advice}\n`,
  );
  return `# Fault codes

Every request that the gateway does not forward, or whose answer it cannot deliver, ends in one of these codes. The
answer is a problem document (RFC 9457, \`application/problem+json\`) with the members \`type\` (\`tag:aegis.dev,2026:fault:CODE\`),
\`title\`, \`status\`, \`detail\`, \`instance\` (the exchange, as the audit trail names it), \`code\`, \`advice\`, \`retry\`, and
where they apply \`decision\` and \`approval\`. Match on \`code\`; the sentences may change. This page is made from
\`src/model/fault.ts\`.

${sections.join('\n')}`;
}

/** Every limit, as rows of a table. */
export function limitsPage(): string {
  const rows = Object.entries<Limit>(LIMITS).map(([name, limit]) => {
    const show = shownIn(limit.unit);
    return `| \`${name}\` | ${show(limit.value)} | ${show(limit.min)} to ${show(limit.max)} | ${limit.why} |`;
  });
  return `# Limits

Every wait has a deadline and every queue a bound. Each can be set under \`limits\` in gateway.yaml, within its bounds.
This page is made from \`src/config/limits.ts\`. Bounds that no key changes (nesting of JSON, layers and growth of
compressed bodies, fields of forms) stand as named constants beside the code that keeps them.

| key | default | bounds | why |
|---|---|---|---|
${rows.join('\n')}
`;
}

function shownIn(unit: Limit['unit']): (value: number) => string {
  if (unit === 'milliseconds') return formatDuration;
  return unit === 'bytes' ? formatSize : String;
}

/** The generated pages, by path from the root of the tree. */
export const PAGES: { readonly [path: string]: () => string } = {
  'docs/faults.md': faultsPage,
  'docs/limits.md': limitsPage,
  'docs/metrics.md': metricsPage,
};

if (import.meta.main) {
  for (const [path, page] of Object.entries(PAGES)) await writeFile(new URL(`../${path}`, import.meta.url), page());
}
