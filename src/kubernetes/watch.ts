import type { IncomingMessage } from 'node:http';
import { ApiStatusError, ApiUnavailableError, statusErrorOf } from './api-error.ts';

/** An event of a watch. A bookmark has an object of which only metadata.resourceVersion is of use. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
}

/** An object is at most 1.5 MiB in etcd; JSON may take some more. */
const MAX_LINE_CHARACTERS = 8 * 1024 * 1024;
const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'] as const;

/** Reads the events of a watch from its answer. Throws `ApiStatusError` for an event that is an error: 410 is too old. */
export async function* watchEvents(message: IncomingMessage): AsyncGenerator<WatchEvent> {
  let rest = '';
  message.setEncoding('utf8');
  try {
    for await (const chunk of message as AsyncIterable<string>) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARACTERS) throw new ApiUnavailableError('an event of the API server is too long');
      yield* eventsIn(lines);
    }
  } catch (error) {
    if (error instanceof ApiStatusError || error instanceof ApiUnavailableError) throw error;
    throw new ApiUnavailableError(`the watch broke off: ${String(error)}`, { cause: error });
  }
}

/** One by one: what comes before an error counts. */
function* eventsIn(lines: readonly string[]): Generator<WatchEvent> {
  for (const line of lines) if (line !== '') yield eventOf(line);
}

function eventOf(line: string): WatchEvent {
  const event: unknown = JSON.parse(line);
  const found: unknown = Reflect.get(Object(event), 'type');
  const object: unknown = Reflect.get(Object(event), 'object');
  const type = TYPES.find((known) => known === found);
  if (type !== undefined) return { type, object };
  const code: unknown = Reflect.get(Object(object), 'code');
  throw statusErrorOf(typeof code === 'number' ? code : 0, JSON.stringify(object));
}
