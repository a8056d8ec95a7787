import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Ask } from './approvals-decide.ts';

/** A person at a terminal, on both ends. Ctrl-C and Ctrl-D are no answer, which is none that agrees. */
export function terminalAsk(): Ask {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return null;
  return async (question, signal) => {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    try {
      const answered = terminal.question(question, { signal });
      return await Promise.race([answered, once(terminal, 'close').then(noAnswer)]);
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') return noAnswer();
      throw error;
    } finally {
      terminal.close();
    }
  };
}

/** The cursor stands behind the question still. */
function noAnswer(): string {
  process.stdout.write('\n');
  return '';
}
