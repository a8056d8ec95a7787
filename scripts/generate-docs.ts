/** `node scripts/generate-docs.ts`: writes docs/faults.md from the table of faults. A test compares the two. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FAULTS, type FaultDefinition } from '../src/model/fault.ts';

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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(new URL('../docs/faults.md', import.meta.url), faultsPage());
}
