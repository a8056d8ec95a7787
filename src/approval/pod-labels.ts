import { ApprovalStoreError } from './store-error.ts';

/** Labels of a pod, values by names. */
export type PodLabels = { readonly [name: string]: string };

/** As many as an ApprovalRequest carries. */
const MAX_LABELS = 64;
/** A line of the downward API; what may stand in a name or a value of a label needs no escape. */
const LINE = /^(?<name>[A-Za-z0-9_./-]{1,317})="(?<value>[A-Za-z0-9_.-]{0,63})"$/u;

/**
 * Reads what the downward API writes for `metadata.labels`: a line `name="value"` for each. Throws `ApprovalStoreError`
 * with the number of the line that is none.
 */
export function podLabelsOf(text: string, file: string): PodLabels {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > MAX_LABELS)
    throw new ApprovalStoreError(`${file}: expected at most ${MAX_LABELS} labels, found ${lines.length}`);
  const labels = lines.map((line, index) => {
    const { name, value } = LINE.exec(line)?.groups ?? {};
    if (name === undefined || value === undefined)
      throw new ApprovalStoreError(`${file}:${index + 1}: expected a label as name="value"`);
    return [name, value] as const;
  });
  return Object.fromEntries(labels);
}
