/** Reports a mistake at a path below the entry that is compiled. */
export type Report = (path: readonly (string | number)[], message: string) => void;

/** The sentence for a text that is no JSON pointer. */
export function pointerProblem(text: string): string {
  return `${JSON.stringify(text)} is not a JSON pointer (RFC 6901); expected one such as /items/0/id`;
}

/** The sentence for a text that is no header name. */
export function headerProblem(name: string): string {
  return `${JSON.stringify(name)} is not a header name; expected one such as x-target`;
}
