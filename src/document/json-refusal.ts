/** Why a text is not read. */
export type JsonProblem = 'syntax' | 'duplicate-key' | 'too-deep' | 'too-many-values' | 'number-range';

/** Ends the reading; never leaves the reader. */
export class Refusal extends Error {
  readonly problem: JsonProblem;
  readonly offset: number;

  constructor(problem: JsonProblem, offset: number, message: string) {
    super(message);
    this.problem = problem;
    this.offset = offset;
  }
}
