import { Option } from 'commander';
import { formatFor, OUTPUT_FORMS } from '../cli/approvals-output.ts';
import { isReadable, type Seen, type SeenRequest } from './seen-request.ts';

/** The forms of output: `wide` is a table with more columns, the others are for programs. */
export const FORMS = [...OUTPUT_FORMS, 'wide'] as const;
export type Form = (typeof FORMS)[number];

/** `-o json|yaml|name`, and `wide` for tables. */
export function outputOption(forms: readonly Form[]): Option {
  return new Option('-o, --output <form>', 'a form for programs, or more columns').choices(forms);
}

/** Prints requests as kubectl does: the object itself where one was named, a List of them otherwise. */
export function formatRequests(form: Exclude<Form, 'wide'>, requests: readonly SeenRequest[], single: boolean): string {
  const names = requests.map(({ name }) => `approvalrequest.aegis.dev/${name}`);
  const objects = requests.map(({ raw }) => raw);
  const [only] = objects;
  if (single && only !== undefined && objects.length === 1) return formatFor(form, only, names);
  return formatFor(form, { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects }, names);
}

/** Those that can be shown. */
export function readableOf(requests: readonly Seen[]): readonly SeenRequest[] {
  return requests.filter(isReadable);
}
