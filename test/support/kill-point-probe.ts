import { readFileSync, writeSync } from 'node:fs';

/** The file that names the point to end at; without it, nothing happens. */
const armed = process.env['AEGIS_KILL_POINT_FILE'] ?? null;
const STDERR = 2;

/**
 * Stands at each point of the instrumented code: says so as a log line, and ends the process there, as kill -9 does, where
 * the file names the point.
 */
export function killPoint<T>(point: string, value: T): T {
  if (armed === null) return value;
  writeSync(STDERR, `${JSON.stringify({ event: 'kill-point', level: 'info', point })}\n`);
  if (readFileSync(armed, 'utf8') !== point) return value;
  process.kill(process.pid, 'SIGKILL');
  // Nothing may run any more until the signal arrives.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  return value;
}
