import type { Value } from '../model/value.ts';

/**
 * What a scalar means to PyYAML's safe loader: YAML 1.1 with PyYAML's own rules, which neither version of the npm
 * package follows (`1e3` is text, `010` is 8, `18:00` is 1080, `2026-01-01` is a date).
 */
export type Resolved = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string };
