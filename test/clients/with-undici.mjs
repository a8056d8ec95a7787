/** One call with fetch of undici and the proxy agent that reads the environment: URL and body in, status and text out. */
import { EnvHttpProxyAgent, fetch } from 'undici';

const [url, body] = process.argv.slice(2);
const dispatcher = new EnvHttpProxyAgent();
const init = body === '' ? {} : { method: 'POST', body, headers: { 'content-type': 'application/json' } };
const answer = await fetch(url, { ...init, dispatcher });
console.log(answer.status);
process.stdout.write(await answer.text());
await dispatcher.close();
