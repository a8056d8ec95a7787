/** One call with Node's own fetch: URL and body in, status and text out. */
const [url, body] = process.argv.slice(2);
const answer = await fetch(
  url,
  body === '' ? {} : { method: 'POST', body, headers: { 'content-type': 'application/json' } },
);
console.log(answer.status);
process.stdout.write(await answer.text());
