/** The API server cannot be reached, does not answer in time, or answers that it cannot serve now (429, 5xx). */
export class ApiUnavailableError extends Error {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = 'ApiUnavailableError';
  }
}

/** No answer came at all, or one that says that the server cannot serve now: it is away, or under more than it can do. */
export class ApiAwayError extends ApiUnavailableError {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = 'ApiAwayError';
  }
}

/** The API server answered a request with an error that a repetition would not change. */
export class ApiStatusError extends Error {
  /** The HTTP status: 401, 403, 404, 409, 410, 422 and so on. */
  readonly status: number;
  /** One word of the API, such as `AlreadyExists` or `Conflict`; empty when the answer has none. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'ApiStatusError';
    this.status = status;
    this.reason = reason;
  }
}

/** Longer messages name every field of a schema; the first of them say enough. */
const MAX_MESSAGE_CHARACTERS = 1_000;

/** Reads a `Status` of the API. */
export function statusErrorOf(status: number, text: string): ApiStatusError {
  const { reason, message } = statusOf(text);
  const said = message === '' ? `the API server answered ${status}` : message.slice(0, MAX_MESSAGE_CHARACTERS);
  return new ApiStatusError(status, reason, said);
}

function statusOf(text: string): { readonly reason: string; readonly message: string } {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) {
      return { reason: textIn(body, 'reason'), message: textIn(body, 'message') };
    }
  } catch {
    // A proxy in between answers in its own words.
  }
  return { reason: '', message: '' };
}

function textIn(body: object, member: 'reason' | 'message'): string {
  const value: unknown = Reflect.get(body, member);
  return typeof value === 'string' ? value : '';
}

/** True for an answer of this status. */
export function isStatus(error: unknown, status: number): error is ApiStatusError {
  return error instanceof ApiStatusError && error.status === status;
}
