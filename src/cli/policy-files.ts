import type { TextFile } from '../config/watcher.ts';
import { MistakesError, type Loaded, type Mistake } from '../document/mistake.ts';
import { loadPolicy } from '../policy/load.ts';
import type { PolicyFile } from '../policy/policy.ts';
import { createPolicySet, type PolicySet } from '../policy/policy-set.ts';
import { readNamed } from './command-files.ts';

const TEST_FILE = /\.test\.ya?ml$/u;
const YAML_FILE = /\.ya?ml$/u;

/** `devops.yaml` has its tests in `devops.test.yaml`. */
export function testFileOf(policy: string): string {
  return YAML_FILE.test(policy) ? policy.replace(YAML_FILE, (ending) => `.test${ending}`) : `${policy}.test.yaml`;
}

/** `devops.test.yaml` tests `devops.yaml`. */
export function policyOf(testFile: string): string {
  return testFile.replace(TEST_FILE, (ending) => ending.replace('.test', ''));
}

/** Reads files or throws a `MistakesError`, which ends the command as wrong usage. */
export async function readOrFail(files: readonly string[], folder: string): Promise<readonly TextFile[]> {
  const texts = await readNamed(files, folder);
  if (!texts.ok) throw new MistakesError(texts.mistakes);
  return texts.value;
}

/** Policy files to be decided by together: the baseline, whose blocks stand, and the others, the first of which wins. */
export interface PolicyPaths {
  readonly baseline: string | null;
  readonly policy: readonly string[];
}

/** Loads several policy files as one; all mistakes of all files at once. Throws `MistakesError` for what cannot be read. */
export async function loadPolicySet(paths: PolicyPaths, folder: string): Promise<Loaded<PolicySet>> {
  const { baseline, policy } = paths;
  const texts = await readOrFail(baseline === null ? policy : [baseline, ...policy], folder);
  const loaded: PolicyFile[] = [];
  const mistakes: Mistake[] = [];
  for (const { file, text } of texts) {
    const read = loadPolicy(text, file);
    if (read.ok) loaded.push(read.value);
    else mistakes.push(...read.mistakes);
  }
  if (mistakes.length > 0) return { ok: false, mistakes };
  const [first = null, ...rest] = loaded;
  return { ok: true, value: baseline === null ? createPolicySet(null, loaded) : createPolicySet(first, rest) };
}
