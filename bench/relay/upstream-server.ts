import { createServer } from 'node:http';

// The tool API of the measurement: a JSON answer of 1 KiB to whatever comes. Its port goes to the parent.
const ANSWER_BYTES = 1024;
const answer = Buffer.from(
  JSON.stringify({ ok: true, padding: '' }).replace('""', `"${'x'.repeat(ANSWER_BYTES - 24)}"`),
);

const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': answer.byteLength });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
// Whatever ends the measurement ends its parts.
process.once('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
