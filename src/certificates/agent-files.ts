import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { RandomBytes } from './authority.ts';
import { AGENT_FILE, agentVariables, shellExports, type AgentPlaces } from './agent-variables.ts';
import { truststoreOf } from './truststore.ts';

/** What the agent's files are made of. */
export interface AgentFiles {
  readonly places: AgentPlaces;
  /** The certificate of the gateway's CA (PEM). */
  readonly authority: string;
  /** Further certificates (PEM texts) that upstreams are trusted by: a tunnel shows the agent the upstream's own. */
  readonly extra: readonly string[];
  readonly random: RandomBytes;
}

/** The agent runs as another user; nothing in these files is secret. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/gu;

/**
 * Writes what an agent needs to trust the gateway and to find it: bundle, truststore and variables. Rejects with an `Error`
 * that names the folder where that is not possible.
 */
export async function writeAgentFiles(given: AgentFiles): Promise<void> {
  try {
    await writeAll(given);
  } catch (error) {
    const problem = error instanceof Error ? error.message : 'unknown error';
    throw new Error(`expected agent_files (${given.places.folder}) to be a folder to write to: ${problem}`, {
      cause: error,
    });
  }
}

async function writeAll({ places, authority, extra, random }: AgentFiles): Promise<void> {
  const { folder } = places;
  await makeFolder(folder);
  const trusted = [authority, ...getCACertificates('default'), ...extra].flatMap(
    (text) => text.match(CERTIFICATE) ?? [],
  );
  const files = {
    [AGENT_FILE.authority]: authority,
    [AGENT_FILE.bundle]: trusted.map((pem) => `${pem.trimEnd()}\n`).join(''),
    [AGENT_FILE.truststore]: truststoreOf(trusted, random),
    [AGENT_FILE.variables]: shellExports(agentVariables(places)),
  };
  await Promise.all(
    Object.entries(files).map(async ([name, content]) => await replaceFile(join(folder, name), content, random)),
  );
}

/**
 * Makes the folder where there is none, and what it lies in, so that others can read it. One that exists is left as it is:
 * it may be a volume that belongs to somebody else.
 */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  let made = folder;
  while (made.length > first.length) {
    await chmod(made, FOLDER_MODE);
    made = dirname(made);
  }
  await chmod(first, FOLDER_MODE);
}

/**
 * Puts a file in place as a whole. A link that somebody left under its name is replaced and not followed: the folder may
 * be one that the agent can write to.
 */
async function replaceFile(path: string, content: string | Uint8Array, random: RandomBytes): Promise<void> {
  const temporary = `${path}.${Buffer.from(random(8)).toString('hex')}`;
  await writeFile(temporary, content, { flag: 'wx', mode: FILE_MODE });
  await chmod(temporary, FILE_MODE);
  await rename(temporary, path);
}
